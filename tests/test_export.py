from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from stages import export_bundle
from vad.deploy import bundle, export
from vad.pipeline import artifacts
from vad.pipeline.errors import CannotFit, UserError
from vad.post_processing import calibration, fusion, thresholds

WEIGHTS = {
    "0": {"motion": 0.5, "objects": 0.3, "padim": 0.1, "tracks": 0.1},
    "1": {"motion": 0.4, "objects": 0.4, "padim": 0.1, "tracks": 0.1},
}


@pytest.fixture(autouse=True)
def all_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "why_skipped", lambda name: "switched off" if name == "spade" else None)
    monkeypatch.setattr(
        export.registry, "switches", lambda: dict.fromkeys(["padim", "spade", "motion", "objects"], True)
    )


def test_members_earn_their_place_by_their_share_of_the_weight():
    assert export.chosen("fusion", WEIGHTS) == ["motion", "objects"]
    assert export.chosen("all", WEIGHTS) == ["padim", "motion", "objects"]
    assert export.chosen(["objects", "padim"], WEIGHTS) == ["padim", "objects"]


def test_detectors_that_cannot_be_taken_are_named():
    with pytest.raises(UserError, match="spade is not there: switched off"):
        export.chosen(["spade"], WEIGHTS)
    with pytest.raises(UserError, match="there is no detector 'padm'"):
        export.chosen(["padm"], WEIGHTS)


def test_what_was_fitted_on_tracks_of_others_follows_no_camera(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert export.streams("tracks")
    for linked in (True, False):
        artifacts.save_json("data/models/tracks/meta.json", {"linked": linked})
        assert export.streams("tracks") is linked
    with pytest.raises(UserError, match="tracks cannot follow a live camera; choose from"):
        export.chosen(["tracks"], WEIGHTS)


def test_without_a_detector_that_follows_a_camera_the_bundle_says_why(tmp_path, monkeypatch):
    with pytest.raises(CannotFit, match="no member of the fusion that earns its place follows a live camera"):
        export.chosen("fusion", {"0": {"tracks": 1.0}})
    monkeypatch.setattr(export.registry, "switches", dict)
    with pytest.raises(CannotFit, match="no detector that was fitted follows a live camera"):
        export.chosen("all", WEIGHTS)
    monkeypatch.chdir(tmp_path)
    assert export_bundle.stand_aside("there is none") == {"detectors": 0}
    with pytest.raises(UserError, match="no bundle was made: there is none"):
        bundle.load("data/bundle")


def table(name: str, shift: float) -> pd.DataFrame:
    """One detector's rows of the fused table: two folds of two test clips, one held-out clip."""
    random, parts = np.random.default_rng(len(name)), []
    for clip, role, fold in (
        ("a", "test", 0),
        ("b", "test", 0),
        ("c", "test", 1),
        ("d", "test", 1),
        ("n", "calibration", -1),
    ):
        label = np.repeat([0, 1], 60) if role == "test" else np.zeros(120, int)
        score = random.normal(size=120) + shift * label
        parts.append(
            pd.DataFrame(
                {"clip": clip, "frame": np.arange(120), "scene": "01", "role": role, "fold": fold, "label": label}
            ).assign(score=score, smoothed=score, causal=score, detector=name)
        )
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(calibrated=calibration.by_fold(rows, "smoothed"))


def decision(**changes) -> export.Decision:
    tuning = thresholds.Params(rule="f1", alarms_per_hour=60, block_seconds=5, merge_seconds=2, per_scene=True)
    values = {
        "tables": {"strong": table("strong", 3.0), "weak": table("weak", 0.5)},
        "fps": dict.fromkeys("abcdn", 10.0),
        "protocol": "clean",
        "fusing": fusion.Params(detectors="all", ridge=0.1),
        "tuning": tuning,
        "rule": "f1",
        "seed": 0,
    }
    return export.Decision(**{**values, **changes})


def test_weights_are_of_the_bundles_own_detectors_and_sum_to_one():
    weights = decision().weights
    assert set(weights) == {"strong", "weak"}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["strong"] > weights["weak"]


def test_thresholds_part_the_classes_and_come_per_scene():
    made = decision()
    overall, scenes = made.thresholds()
    assert set(overall) == {"strong", "weak", "fusion"} == set(scenes["01"])
    live = made.live["strong"]
    test = live[live["role"] == "test"]
    hit = test["live"] >= overall["strong"]
    assert hit[test["label"] == 1].mean() > 0.85
    assert hit[test["label"] == 0].mean() < 0.15


def test_the_budgets_threshold_leaves_normal_video_alone():
    made = decision(rule="budget")
    live = made.live["strong"]
    normal = live[(live["role"] == "calibration") | (live["label"] == 0)]
    assert (normal["live"] >= made.thresholds()[0]["strong"]).mean() < 0.02


def test_without_labels_the_weights_are_equal_and_the_budget_decides():
    made = decision(protocol="one_class")
    assert made.weights == pytest.approx({"strong": 0.5, "weak": 0.5})
    assert "f1" not in made.tuned["strong"]


def test_the_level_of_weaks_boxes_is_a_quantile_of_held_out_raw_scores(tmp_path, monkeypatch):
    scores = pd.DataFrame({"score": np.linspace(0, 1, 101)})
    loaded = {}

    def load(folder):
        loaded[folder] = True
        return SimpleNamespace(normal=scores)

    monkeypatch.setattr(export.fitted, "load_fitted", load)
    assert export.levels(tmp_path, ["motion", "weak"], 0.99) == pytest.approx({"weak": 0.99})
    assert list(loaded) == [tmp_path / "weak"]
    assert export.levels(tmp_path, ["motion"], 0.99) == {}
    scores = scores.iloc[:0]
    assert export.levels(tmp_path, ["weak"], 0.99) == {}


def test_the_fusions_normal_values_are_weighted_surprises():
    index = pd.MultiIndex.from_tuples([("n", i) for i in range(4)])
    normal = {"a": pd.Series([1.0, 2, 3, 4], index), "b": pd.Series([4.0, 3, 2], index[:3])}
    fused = export.fused_normal(normal, {"a": 0.75, "b": 0.25})
    a = calibration.surprise(calibration.quantile(np.array([1.0]), np.array([1.0, 2, 3, 4])))[0]
    b = calibration.surprise(calibration.quantile(np.array([4.0]), np.array([4.0, 3, 2])))[0]
    assert fused[0] == pytest.approx(0.75 * a + 0.25 * b)
    assert len(fused) == 4
