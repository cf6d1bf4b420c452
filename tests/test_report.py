"""Report and pictures over made-up runs: all detectors with everything, and one with nothing besides."""

import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import render_curves, render_insights, render_pictures, render_report
from tests import example_run
from vad.pipeline import artifacts
from vad.report import provenance, report, typeset

ROOT = Path(__file__).parents[1]
VALUES = {
    "seed": 0,
    "protocol": "clean",
    "data": {"root": "data/campus-sim"},
    "pictures": {
        "dpi": 50, "timeline": ["fusion", "padim"], "clips_per_page": 3, "peak_distance": 1.0, "examples": 2,
        "opacity": 0.7, "box_quantile": 0.99,
    },
    "report": {"title": "100 % of A & B_c", "authors": []},
    "encoder": {"name": "conse", "backbone": "b0"},
    "zeroshot": {"normal": ["people {walking}", "50 % shade #1"], "temperature": 0.05},
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two finished runs by name, their pictures and reports made."""
    made = {}
    for name, detectors, extras in (
        ("whole", [d for d in example_run.DETECTORS if d != "tracks"], True),
        ("lone", ["padim"], False),
    ):
        root = tmp_path_factory.mktemp(name)
        example_run.build(root, detectors, extras=extras)
        (root / "params.yaml").write_text(yaml.safe_dump(VALUES))
        ignored = shutil.ignore_patterns("report.*")
        shutil.copytree(ROOT / "report", root / "report", ignore=ignored)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(root)
            if name == "whole":  # typeset below
                patch.setattr(typeset, "engine", lambda: None)
            render_curves.main()
            render_insights.main()
            render_pictures.main()
            render_report.main()
        made[name] = root
    return made


def test_every_picture_that_the_run_has_data_for(runs) -> None:
    stems = {path.stem for path in (runs["whole"] / "plots").glob("*/*.png")}
    assert stems == {
        "scenes", "densities", "roc", "pr", "events", "beats", "panels_padim", "timeline_01", "timeline_02",
    }  # fmt: skip
    stems = {path.stem for path in (runs["lone"] / "plots").glob("*/*.png")}
    assert stems == {"scenes", "densities", "roc", "pr", "panels_padim", "timeline_01", "timeline_02"}


def test_no_picture_of_a_network_that_did_not_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    artifacts.save_state("data/models/stae", {}, {"skipped": "switched off in params.yaml (detectors)"})
    assert render_insights.fitted("stae") is render_insights.fitted("gradcam") is None


def test_pictures_and_report_are_the_same_bytes_again(runs, monkeypatch) -> None:
    root = runs["lone"]
    files = [*sorted((root / "plots").glob("*/*.p*")), root / "report/report.tex", root / "report/report.pdf"]
    before = {path: path.read_bytes() for path in files}
    monkeypatch.chdir(root)
    render_curves.main()
    render_insights.main()
    render_pictures.main()
    render_report.main()
    assert [path.name for path in files if path.read_bytes() != before[path]] == []


def test_report_tells_what_the_run_found(runs) -> None:
    text = (runs["whole"] / "report/report.tex").read_text()
    facts = report.Facts(runs["whole"], VALUES)
    for name in facts.detectors:
        assert f"{facts.metrics[name]['roc_auc']:.3f}" in text
    assert "the data set has no person tracks" in text
    assert r"\caption{Micro ROC-AUC under the protocols" in text
    assert r"100 \% of A \& B\_\allowbreak{}c" in text
    assert r"people \{walking\}" in text
    cited = {key for keys in re.findall(r"\\cite\{([^}]+)\}", text) for key in keys.split(",")}
    listed = set(re.findall(r"\\bibitem\{([^}]+)\}", text))
    assert cited == listed
    labels, references = set(re.findall(r"\\label\{([^}]+)\}", text)), set(re.findall(r"\\ref\{([^}]+)\}", text))
    assert references <= labels


def test_report_of_one_detector_leaves_out_what_there_is_not(runs) -> None:
    text = (runs["lone"] / "report/report.tex").read_text()
    for absent in ("The leak", "By type of event", "Where in the frame", "Cost", "What each detector adds", "SPADE}"):
        assert absent not in text
    assert r"\subsection{PaDiM}" in text
    labels, references = set(re.findall(r"\\label\{([^}]+)\}", text)), set(re.findall(r"\\ref\{([^}]+)\}", text))
    assert references <= labels


def test_every_detector_has_its_description(runs) -> None:
    for name in example_run.DETECTORS:
        partial = "fusion" if name.startswith("fusion") else name
        assert (ROOT / f"report/methods/{partial}.tex.j2").exists()


@pytest.mark.skipif(typeset.engine() in (None, "tectonic"), reason="no latexmk or pdflatex here")
def test_nothing_runs_into_the_margin_or_refers_to_nothing(runs, tmp_path) -> None:
    log = typeset.typeset(runs["whole"] / "report/report.tex", tmp_path / "a.pdf", typeset.engine())
    assert typeset.overfull(log, points=5) == []
    assert "There were undefined references" not in log


def test_templates_name_parameters_that_there_are() -> None:
    text = "".join(path.read_text() for path in (ROOT / "report").rglob("*.j2"))
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    facts = report.Facts(ROOT, values)
    names = set(re.findall(r"param\(\"([^\"]+)\"\)", text))
    assert len(names) > 30
    assert {name for name in names if facts.param(name) == name} == set()


def test_what_an_alarm_on_every_frame_is_worth(runs) -> None:
    facts = report.Facts(runs["whole"], VALUES)
    metrics = facts.metrics["padim"]
    share = (metrics["tp"] + metrics["fn"]) / metrics["frames"]
    assert facts.constant["precision"] == pytest.approx(share)
    assert facts.constant["f1"] == pytest.approx(2 * share / (share + 1))
    assert facts.false_alarm_rate("padim") == pytest.approx(metrics["fp"] / (metrics["fp"] + metrics["tn"]))
    facts.metrics["padim"] |= {"fp": 60, "tn": 40}
    facts.metrics["spade"] |= {"fp": 40, "tn": 60}
    assert "padim" in facts.restless
    assert "spade" not in facts.restless


def test_confidence_is_that_of_the_folds_that_were_fitted(runs) -> None:
    facts = report.Facts(runs["whole"], VALUES)
    assert facts.confidence == {"0": 0.25, "1": 0.25}
    facts.fusion["chosen"] = {"0": {"rule": "mean", "weights": {}}}
    assert facts.confidence == {}


def test_the_reproduced_methods_beside_what_was_printed(runs) -> None:
    rows = {row["detector"]: row for row in report.Facts(runs["whole"], VALUES).reproduced}
    assert {name: row["printed"] for name, row in rows.items()} == {
        "padim": 0.603,
        "gradcam": 0.509,
        "prototypes": 0.797,
    }
    assert rows["prototypes"]["paper"] == 0.81
    assert rows["padim"]["paper"] is None


def test_without_tex_the_source_is_there_and_the_pdf_says_what_to_install(runs, tmp_path, monkeypatch, caplog) -> None:
    shutil.copytree(runs["lone"], tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent / "nowhere"))
    render_report.main()
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [typeset.INSTALL]
    assert Path("report/report.tex").exists()
    assert Path("report/report.pdf").read_bytes().startswith(b"%PDF")


def test_revision_marks_changed_files(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.revision() == "not under version control"
    (tmp_path / "params.yaml").write_text("a: 1\n")
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    for arguments in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "a")):
        assert provenance._git(*arguments) == ""
    assert re.fullmatch("[0-9a-f]{10}", provenance.revision())
    (tmp_path / "notes.txt").write_text("does not count")
    assert "modified" not in provenance.revision()
    (tmp_path / "params.yaml").write_text("a: 2\n")
    assert provenance.revision().endswith(", modified")


def test_a_run_without_labels_says_so_and_gives_no_dash_for_a_figure(runs, tmp_path, monkeypatch) -> None:
    shutil.copytree(runs["lone"], tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    manifest = pd.read_csv("data/manifest.csv", dtype={"clip": str, "scene": str})
    artifacts.save_table("data/manifest.csv", manifest.assign(abnormal_frames=0))
    metrics = artifacts.load_json("metrics/padim.json")
    counts = {key: metrics[key] for key in ("fp", "tn", "frames", "clips")}
    artifacts.save_json("metrics/padim.json", counts | {"abnormal_frames": 0, "f1": 0.0, "tp": 0, "fn": 0})
    render_report.main()
    text = Path("report/report.tex").read_text()
    assert "test frames are labelled normal, so no ROC-AUC, F1 or event can be measured" in text
    assert "-- over all frames" not in text
    assert "tab:main" not in text
    assert not re.search(r"\bnan\b", text.lower())


@pytest.mark.skipif(typeset.engine() in (None, "tectonic"), reason="no latexmk or pdflatex here")
def test_long_names_of_what_to_review_stay_on_the_page(runs, tmp_path, monkeypatch) -> None:
    shutil.copytree(runs["lone"], tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    answer = artifacts.load_json("data/answer.json")
    clip, scene = "north_entrance_loading_dock_2026-11-24T22-30-00_part1", "front_gate_of_the_main_building"
    agree = [name for name in example_run.DETECTORS if name != "padim"]
    moment = {"clip": clip, "scene": scene, "frame": 9, "second": 7204.1, "score": 1 - 1e-7, "agree": agree}
    artifacts.save_json("data/answer.json", answer | {"labels": False, "types": {}, "review": [moment]}, digits=None)
    render_report.main()
    assert "tab:review" in Path("report/report.tex").read_text()
    log = typeset.typeset(Path("report/report.tex"), tmp_path / "a.pdf", typeset.engine())
    assert typeset.overfull(log, points=5) == []


def test_hostile_names_of_videos_stay_names(runs, tmp_path, monkeypatch) -> None:
    shutil.copytree(runs["lone"], tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    Path("data/videos").mkdir(exist_ok=True)
    Path("data/videos/x}{y}\\input{^^2fetc^^2fhostname}\\href{z.mp4").touch()
    render_report.main()
    text = Path("report/report.tex").read_text()
    assert "\\input{" not in text
    assert "^^2f" not in text
