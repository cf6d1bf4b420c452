"""The first page and the matrix of differences, rendered from what the code behind them finds."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests import example_run
from tests.test_comparison import compared, scored
from tests.test_report import VALUES
from vad.evaluation import answer, saying
from vad.pipeline import artifacts
from vad.report import report

ROOT = Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    example_run.build(tmp_path, ["motion", "padim"])
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(VALUES))
    shutil.copytree(ROOT / "report", tmp_path / "report", ignore=shutil.ignore_patterns("report.*"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rendered(root: Path) -> str:
    return report.render(report.Facts(root, VALUES), report.Params(title="T", authors=[]))


def test_the_first_page_says_the_sentences_and_the_tables_have_their_numbers(run) -> None:
    found = artifacts.load_json(Path("data/answer.json"))
    text = rendered(run)
    assert text.index(r"\section*{The answer}") < text.index(r"\begin{abstract}")
    assert text.count(r"\item Trust ") == 1
    assert r"cannot be promised from 0.1 minutes" in text
    overall = found["overall"]
    assert rf"{overall['events']['noticed']} / {overall['events']['total']}" in text
    assert all(kind.replace("_", " ") in text for kind in found["types"])


def test_without_labels_the_first_page_lists_what_to_review(run) -> None:
    fused = pd.read_parquet("data/fused.parquet").assign(label=0)
    tuned = artifacts.load_json(Path("data/thresholds.json"))["detectors"]
    rows, fps = dict(iter(fused.groupby("detector"))), dict.fromkeys(fused["clip"].unique(), 25.0)
    found = answer.answer(answer.Run(rows, tuned, fps, pd.DataFrame(), 6, 20, 1, True, 0.95, 100, 0))
    artifacts.save_json("data/answer.json", {**found, "says": saying.sentences(found)}, digits=None)
    Path("metrics/comparison.json").unlink()
    text = rendered(run)
    assert r"\label{tab:review}" in text
    assert r"\label{tab:answer-types}" not in text
    assert "cannot be said without labels" in text
    assert text.count(f"{found['review'][0]['second']:.1f}") >= 1


def test_differences_are_listed_with_the_clips_that_would_separate_the_rest(run) -> None:
    found = compared(scored({"motion": 2.0, "objects": 2.0, "padim": 0.5}))
    artifacts.save_json("metrics/comparison.json", found)
    text = rendered(run)
    assert "Motion from PaDiM" in text or "Objects from PaDiM" in text
    assert r"\label{tab:needed}" in text
    assert len(found["set"]) == 2
    best, second = (found["detectors"].index(name) for name in found["set"][:2])
    assert f"about {found['needed'][best][second]:,}".replace(",", r"\,") in text


def test_published_localisation_stands_beside_that_of_its_data_set(run) -> None:
    values = {**VALUES, "data": {"root": "/videos/ped2"}}
    text = report.render(report.Facts(run, values), report.Params(title="T", authors=[]))
    where = text[text.index(r"\label{tab:where}") :]
    where = where[: where.index(r"\end{table}")]
    assert "published & -- & 0.728 & 0.912" in where
    assert "published" not in rendered(run)[rendered(run).index(r"\label{tab:where}") :].partition(r"\end{table}")[0]
