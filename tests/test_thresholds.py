import itertools

import numpy as np
import pandas as pd
import pytest

from vad.post_processing.calibration import by_fold, quantile
from vad.post_processing.thresholds import Params, applied, best_f1, tune


def params(**changes) -> Params:
    return Params(
        **{"rule": "f1", "alarms_per_hour": 6, "block_seconds": 20, "merge_seconds": 1, "per_scene": False, **changes}
    )


def table(seed: int = 0) -> pd.DataFrame:
    """4 test clips in 2 folds and 2 scenes; scene 02 scores 0.2 higher throughout."""
    rng = np.random.default_rng(seed)
    parts = []
    for i, (clip, scene) in enumerate([("a", "01"), ("b", "02"), ("c", "01"), ("d", "02")]):
        label = (np.arange(60) >= 30).astype(int)
        score = 0.2 * (scene == "02") + 0.3 + 0.15 * label + rng.uniform(-0.05, 0.05, 60)
        parts.append(pd.DataFrame({"clip": clip, "frame": np.arange(60), "scene": scene, "role": "test",
                                   "fold": i // 2, "label": label, "causal": score}))  # fmt: skip
    for clip, scene in [("x", "01"), ("y", "02")]:
        parts.append(pd.DataFrame({"clip": clip, "frame": np.arange(60), "scene": scene, "role": "calibration",
                                   "fold": -1, "label": 0, "causal": rng.uniform(0, 1, 60)}))  # fmt: skip
    return with_live(pd.concat(parts, ignore_index=True))


def with_live(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(live=by_fold(rows, "causal"))


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
    errors = {s: ((test["live"] >= applied(test, tuned, s)) != test["label"]).sum() for s in (True, False)}
    assert errors[True] == 0 < errors[False]


def test_the_budget_is_one_of_causal_scores_and_says_what_it_is_worth():
    # an hour at 1 fps is 180 blocks of 20 s: 6 alarms an hour are the six highest blocks at most
    hour = pd.DataFrame({"clip": "z", "frame": np.arange(3600), "scene": "01", "role": "calibration", "fold": -1,
                         "label": 0, "causal": np.arange(3600.0)})  # fmt: skip
    rows = pd.concat([table(), hour])
    rows = rows[(rows["role"] == "test") | (rows["clip"] == "z")]
    tuned = tune(with_live(rows), FPS | {"z": 1.0}, "clean", params(rule="budget"))["0"]
    assert tuned["promise"]["refused"] is None
    live = quantile(np.arange(3600.0), np.arange(3600.0))
    assert (live >= tuned["threshold"]).sum() == 5 * 20
    assert tuned["scenes"]["01"] == tuned["threshold"]


def test_a_budget_that_cannot_be_promised_is_refused_and_lies_above_all_normal_video():
    tuned = tune(table(), FPS, "clean", params(rule="budget"))["0"]
    assert "cannot be promised from 0.2 minutes" in tuned["promise"]["refused"]
    held_out = table().query("role == 'calibration'")["causal"]
    assert tuned["budget"] > quantile(held_out.to_numpy(), held_out.to_numpy()).max()
    assert tuned["promise"]["alarms_per_hour"] > 6


def test_every_fold_and_scene_has_a_threshold():
    tuned = tune(table(), FPS, "clean", params(rule="budget"))
    for fold, scene in itertools.product(("0", "1"), ("01", "02")):
        assert 0 < tuned[fold]["scenes"][scene] <= 1
