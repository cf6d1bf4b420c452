"""fuse, tune_thresholds, localise, rank and evaluate on made-up scores of a few detectors."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import evaluate, fuse, localise, rank, tune_thresholds
from vad.evaluation import scorecard
from vad.metrics import measures
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.post_processing import fused

PARAMS = {
    "seed": 0,
    "protocol": "clean",
    "temporal": {"method": "gaussian", "sigma_seconds": 0.3, "median_window": 17, "causal": "gaussian"},
    "fusion": {"detectors": "all", "ridge": 0.1},
    "thresholds": {"rule": "f1", "alarms_per_hour": 6, "block_seconds": 20, "merge_seconds": 1, "per_scene": False},
    "evaluation": {
        "resamples": 200, "confidence": 0.95, "map_short_side": 16, "map_thresholds": 20,
        "alpha": 0.1, "beta": 0.1, "plot_detectors": 2,
    },
}  # fmt: skip
TEST, HELD_OUT, FRAMES = [f"0{1 + i % 2}_000{i}" for i in range(6)], ["01_001", "02_002"], 60
LATE = 7.5  # seconds that the strong detector's scores come after their frames


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A finished ``score``: a strong and a weak detector, one cross-fitted with a scale per fold, and one skipped."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stage"])
    rng = np.random.default_rng(0)
    label = {clip: ((np.arange(FRAMES) >= 20) & (np.arange(FRAMES) < 40)).astype(int) for clip in TEST}
    label |= {clip: np.zeros(FRAMES, int) for clip in HELD_OUT}
    for folder in ("scores", "models/absent", "masks", "maps/strong"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    write_params(PARAMS)
    clips = [
        {"clip": c, "scene": c[:2], "split": "test" if c in TEST else "train", "frames": FRAMES, "fps": 10.0}
        for c in label
    ]
    pd.DataFrame(clips).to_csv("data/manifest.csv", index=False)
    index = pd.concat(
        pd.DataFrame({"clip": c, "frame": np.arange(FRAMES), "scene": c[:2],
                      "split": "test" if c in TEST else "train", "label": label[c]}) for c in label
    )  # fmt: skip
    index.to_parquet("data/frames.parquet")
    fold_of = {clip: i % 2 for i, clip in enumerate(TEST)}
    sample = index.assign(role=np.where(index["split"] == "test", "test", "calibration"))
    sample["fold"] = sample["clip"].map(fold_of).fillna(-1).astype(int)
    sample.to_parquet("data/sample.parquet")
    events = [{"clip": c, "first_frame": 20, "last_frame": 39, "type": t} for c, t in zip(TEST, "ababab", strict=True)]
    pd.DataFrame(events).to_csv("data/events.csv", index=False)
    columns = ["clip", "frame", "role", "fold", "label", "score"]
    for name, strength in (("strong", 3.0), ("weak", 0.3)):
        scores = rng.normal(size=len(sample)) + strength * sample["label"]
        sample.assign(fold="all", score=scores)[columns].to_parquet(f"data/scores/{name}.parquet")
    parts = []
    for fold in (0, 1):
        own = sample[(sample["fold"] == fold) | (sample["role"] == "calibration")]
        scores = 1000 * fold + rng.normal(size=len(own)) + 2 * own["label"]
        parts.append(own.assign(fold=str(fold), score=scores)[columns])
    pd.concat(parts).to_parquet("data/scores/fitted.parquet")
    empty = pd.DataFrame({c: [] for c in columns}).astype({"clip": str, "role": str, "fold": str})
    empty.to_parquet("data/scores/absent.parquet")
    Path("data/models/absent/meta.json").write_text('{"skipped": "the data set has no person tracks"}')
    Path("data/zeroshot").mkdir()
    Path("data/zeroshot/levels.json").write_text('{"skipped": "switched off"}')
    artifacts.save_json("data/latency.json", {"strong": dict.fromkeys(TEST, LATE), "weak": dict.fromkeys(TEST, 0.0)})
    Path("data/leak.json").write_text('{"prototypes": {"paper": 0.9, "clean": 0.6, "leak": 0.3}}')
    for clip in TEST:
        mask = np.zeros((FRAMES, 16, 16), bool)
        mask[20:40, 4:8, 4:8] = True
        np.savez(f"data/masks/{clip}.npz", bits=np.packbits(mask.reshape(FRAMES, -1), axis=1), size=[16, 16])
        np.savez(f"data/maps/strong/{clip}.npz", frames=np.arange(FRAMES), maps=mask[:, ::2, ::2].astype(np.float16))
    return tmp_path


def write_params(values: dict) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(values))


def run() -> dict[str, dict]:
    for stage in (fuse, tune_thresholds, localise, rank, evaluate):
        stage.main()
    return {path.stem: json.loads(path.read_text()) for path in Path("metrics").glob("*.json")}


def digests(root: Path) -> dict[str, str]:
    files = [
        *root.glob("metrics/*"),
        *root.glob("plots/data/*"),
        *root.glob("data/*.json"),
        root / "data/fused.parquet",
    ]
    return {str(path): hashlib.md5(path.read_bytes()).hexdigest() for path in files}


def test_metrics_of_every_detector(project):
    metrics = run()
    assert set(metrics) == {
        "strong", "weak", "fitted", "absent", "fusion", "fusion_mean", "fusion_max", "fusion_logistic", "leak",
        "comparison",
    }  # fmt: skip
    assert metrics["absent"] == {"skipped": "the data set has no person tracks"}
    assert metrics["leak"]["prototypes"]["leak"] == 0.3
    strong = metrics["strong"]
    assert strong["frames"] == strong["tp"] + strong["fp"] + strong["fn"] + strong["tn"] == 360
    assert strong["roc_auc_low"] <= strong["roc_auc"] <= strong["roc_auc_high"]
    assert strong["events_detected"] <= strong["events_total"] == 6
    assert strong["detection_delay_s"] >= strong["latency_s"] == LATE
    assert metrics["weak"]["latency_s"] == 0 <= metrics["weak"]["detection_delay_s"] < 2
    assert set(strong["by_event"]) == {"a", "b"}
    assert strong["rbdc"] > 0.95
    assert "rbdc" not in metrics["weak"]
    assert set(metrics["fusion"]["leave_one_out"]) == {"strong", "weak", "fitted"}
    one_out = metrics["fusion"]["leave_one_out"]
    assert one_out["strong"] > one_out["weak"]
    best = max(metrics[name]["roc_auc"] for name in ("strong", "weak", "fitted"))
    assert metrics["fusion"]["roc_auc"] >= best - 0.01


def test_names_of_clips_are_no_markup_in_the_data_of_plots(project):
    run()
    for path in map(Path, ("data/fused.parquet", "data/manifest.csv", "data/events.csv")):
        table = artifacts.load_table(path)
        artifacts.save_table(path, table.replace({"clip": {TEST[0]: "</script><script>alert(1)"}}))
    evaluate.main()
    clips = artifacts.load_table("plots/data/timeline.csv")["clip"]
    assert set(clips) == {*TEST[1:], "\u2039/script\u203a\u2039script\u203aalert(1)"}


def test_a_detector_with_one_fold_has_the_auc_of_its_smoothed_scores(project):
    metrics = run()
    table = fused.load("data/fused.parquet")
    for name in ("strong", "weak"):
        own = table[(table["detector"] == name) & (table["role"] == "test")]
        for column, metric in (("smoothed", "roc_auc"), ("score", "roc_auc_raw"), ("causal", "roc_auc_causal")):
            expected = measures.auc(own[column].to_numpy(), own["label"].to_numpy())
            assert metrics[name][metric] == pytest.approx(expected, abs=1e-6)


def test_thresholds_are_tuned_and_judged_on_the_same_causal_scores(project):
    """Where the smoothed scores say the contrary of the causal ones, F1 is that of the causal ones at its best."""
    fuse.main()
    table = pd.read_parquet("data/fused.parquet")
    own = table["detector"] == "strong"
    opposite = table.loc[own, "calibrated"].to_numpy()
    table.loc[own, "calibrated"] = 1 - opposite
    table.to_parquet("data/fused.parquet", index=False)
    for stage in (tune_thresholds, localise, rank, evaluate):
        stage.main()
    measured = json.loads(Path("metrics/strong.json").read_text())
    assert measured["roc_auc"] < 0.1
    assert measured["f1"] > 0.9
    tuned = json.loads(Path("data/thresholds.json").read_text())["detectors"]["strong"]
    rows = scorecard.watched(fused.load("data/fused.parquet").query("detector == 'strong'"))
    over = rows["causal_calibrated"].to_numpy() >= rows["fold"].map({int(k): v["f1"] for k, v in tuned.items()})
    assert measured["tp"] == int((over & (rows["label"] == 1)).sum())


def test_scales_of_folds_do_not_matter(project):
    metrics = run()
    table = fused.load("data/fused.parquet")
    own = table[(table["detector"] == "fitted") & (table["role"] == "test")]
    assert measures.auc(own["smoothed"].to_numpy(), own["label"].to_numpy()) < 0.8
    assert metrics["fitted"]["roc_auc"] > 0.95
    assert metrics["fitted"]["roc_auc_raw"] > 0.85


def test_a_rerun_gives_the_same_bytes_and_stale_files_go(project):
    run()
    before = digests(project)
    Path("metrics/forgotten.json").write_text("{}")
    run()
    assert digests(project) == before


@pytest.mark.parametrize("protocol", ["paper", "one_class"])
def test_the_other_protocols(project, protocol):
    sample = pd.read_parquet("data/sample.parquet")
    sample.assign(fold=sample["fold"].clip(upper=0)).to_parquet("data/sample.parquet")
    Path("data/scores/fitted.parquet").unlink()
    write_params({**PARAMS, "protocol": protocol})
    metrics = run()
    assert ("fusion_logistic" in metrics) == (protocol == "paper")
    assert json.loads(Path("data/thresholds.json").read_text())["rule"] == ("f1" if protocol == "paper" else "budget")


def test_thresholds_keep_their_digits(project):
    run()
    tuned = json.loads(Path("data/thresholds.json").read_text())["detectors"]["strong"]["0"]
    assert tuned["budget"] != round(tuned["budget"], 6)


def test_without_events_and_masks_those_metrics_are_left_out(project):
    Path("data/events.csv").write_text("clip,first_frame,last_frame,type\n")
    for path in Path("data/masks").glob("*"):
        path.unlink()
    strong = run()["strong"]
    assert not {"by_event", "rbdc", "pixel_roc_auc"} & set(strong)
    assert strong["events_total"] == 6  # runs of abnormal frames


def test_an_unknown_detector_to_fuse_is_one_line(project):
    write_params({**PARAMS, "fusion": {**PARAMS["fusion"], "detectors": ["strong", "strnog"]}})
    with pytest.raises(UserError, match=r"fusion\.detectors: no detector 'strnog'; choose from fitted, strong, weak"):
        fuse.main()


@pytest.mark.parametrize("wanted", ["strong", ["strong", 3], None])
def test_what_is_no_list_of_detectors_is_one_line(project, wanted):
    write_params({**PARAMS, "fusion": {**PARAMS["fusion"], "detectors": wanted}})
    with pytest.raises(UserError, match=r"fusion\.detectors = .*: should be all, or a list of detectors such as"):
        fuse.main()


def test_a_score_that_is_not_finite_is_one_line(project):
    scores = pd.read_parquet("data/scores/weak.parquet")
    scores.loc[scores.index[3], "score"] = np.nan
    scores.to_parquet("data/scores/weak.parquet")
    with pytest.raises(UserError, match=r"weak\.parquet: frame 3 of clip"):
        fuse.main()


def test_nothing_scored_is_one_line(project):
    for path in Path("data/scores").glob("*.parquet"):
        if path.stem not in ("absent", "leak"):
            path.unlink()
    for name in ("absent", "gone"):
        Path(f"data/models/{name}").mkdir(exist_ok=True)
        Path(f"data/models/{name}/meta.json").write_text('{"skipped": "switched off"}')
    Path("data/scores/gone.parquet").write_bytes(Path("data/scores/absent.parquet").read_bytes())
    with pytest.raises(
        UserError, match=r"no detector scored a test frame \(absent, gone: switched off\); switch on one"
    ):
        fuse.main()
