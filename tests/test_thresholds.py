import itertools

import numpy as np
import pandas as pd
import pytest

from vad.post_processing.thresholds import Params, applied, best_f1, tune, within_budget


def params(**changes) -> Params:
    return Params(**{"rule": "f1", "alarms_per_hour": 6, "merge_seconds": 1, "per_scene": False, **changes})


def table(seed: int = 0) -> pd.DataFrame:
    """4 test clips in 2 folds and 2 scenes; scene 02 scores 0.2 higher throughout."""
    rng = np.random.default_rng(seed)
    parts = []
    for i, (clip, scene) in enumerate([("a", "01"), ("b", "02"), ("c", "01"), ("d", "02")]):
        label = (np.arange(60) >= 30).astype(int)
        score = 0.2 * (scene == "02") + 0.3 + 0.15 * label + rng.uniform(-0.05, 0.05, 60)
        parts.append(pd.DataFrame({"clip": clip, "frame": np.arange(60), "scene": scene, "role": "test",
                                   "fold": i // 2, "label": label, "calibrated": score}))  # fmt: skip
    for clip, scene in [("x", "01"), ("y", "02")]:
        parts.append(pd.DataFrame({"clip": clip, "frame": np.arange(60), "scene": scene, "role": "calibration",
                                   "fold": -1, "label": 0, "calibrated": rng.uniform(0, 1, 60)}))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


FPS = dict.fromkeys("abcdxy", 10.0)


def test_best_f1_equals_the_search_over_all_thresholds():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    scores = rng.random(200) + 0.3 * labels

    def f1(threshold: float) -> float:
        on = scores >= threshold
        return 2 * (on & (labels == 1)).sum() / (on.sum() + labels.sum())

    assert f1(best_f1(scores, labels)) == max(f1(score) for score in scores)
    assert best_f1(scores, np.ones(200)) is None


def test_best_f1_lies_halfway():
    assert best_f1(np.array([0.1, 0.2, 0.6, 0.7]), np.array([0, 0, 1, 1])) == pytest.approx(0.4)


def test_clean_thresholds_do_not_see_their_own_fold():
    rows = table()
    changed = rows.copy()
    own = (changed["fold"] == 0) & (changed["role"] == "test")
    changed.loc[own, "label"] = 1 - changed.loc[own, "label"]
    before, after = (tune(t, FPS, "clean", params()) for t in (rows, changed))
    assert before["0"] == after["0"]
    assert before["1"] != after["1"]
    assert tune(rows, FPS, "paper", params()) != tune(changed, FPS, "paper", params())
    assert tune(rows, FPS, "one_class", params(rule="budget")) == tune(changed, FPS, "one_class", params(rule="budget"))


def test_one_class_has_the_budget_alone():
    tuned = tune(table(), FPS, "one_class", params(rule="budget"))
    assert "f1" not in tuned["0"]
    assert tuned["0"]["threshold"] == tuned["0"]["budget"]


def test_thresholds_per_scene_suit_scenes_of_different_level():
    rows = table()
    test = rows[rows["role"] == "test"]
    tuned = tune(rows, FPS, "clean", params())
    errors = {s: ((test["calibrated"] >= applied(test, tuned, s)) != test["label"]).sum() for s in (True, False)}
    assert errors[True] == 0 < errors[False]


def test_budget_keeps_to_its_alarms_and_is_the_lowest_that_does():
    # 3,600 s at 1 fps with single peaks 0.9, 0.8, 0.7, 0.6 far apart: two alarms an hour lie between 0.8 and 0.7.
    scores = np.full(3600, 0.1)
    scores[[100, 1000, 2000, 3000]] = [0.9, 0.8, 0.7, 0.6]
    normal = pd.DataFrame({"clip": "x", "frame": np.arange(3600), "calibrated": scores})
    assert within_budget(normal, {"x": 1.0}, params(alarms_per_hour=2)) == pytest.approx(0.75)
    # Nearer than merge_seconds the 0.9 and the 0.8 are one alarm.
    assert within_budget(normal, {"x": 1.0}, params(alarms_per_hour=2, merge_seconds=950)) == pytest.approx(0.65)
    # One alarm that never ends is within any number of alarms, but no threshold.
    assert within_budget(normal, {"x": 1.0}, params(merge_seconds=3600)) == pytest.approx(0.35)


def test_budget_is_extrapolated_where_video_is_short():
    # One minute whose highest frame (p = 0.01) is one alarm, 60 an hour: 6 an hour are ten times rarer.
    scores = np.append(np.full(59, 0.5), 0.99)
    normal = pd.DataFrame({"clip": "x", "frame": np.arange(60), "calibrated": scores})
    assert within_budget(normal, {"x": 1.0}, params()) == pytest.approx(1 - 0.001)


def test_every_fold_and_scene_has_a_threshold():
    tuned = tune(table(), FPS, "clean", params(rule="budget"))
    for fold, scene in itertools.product(("0", "1"), ("01", "02")):
        assert 0 < tuned[fold]["scenes"][scene] <= 1
