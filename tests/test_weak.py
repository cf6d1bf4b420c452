"""``weak`` on regions: evidence from one label per video, read label-free, at the right place."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from vad.data.frames import Clip
from vad.detectors import weak
from vad.detectors.weak import evidence, regions
from vad.perception import detection
from vad.perception.flow import centres
from vad.pipeline.errors import UserError
from vad.protocol import sampling

PARAMS = weak.Params(**yaml.safe_load((Path(__file__).parent.parent / "params.yaml").read_text())["weak"])
SIZE = (160, 120)


def clip(name: str, split: str, label: int, event: range = range(0), frames: int = 40) -> Clip:
    """People who walk; in the frames of ``event`` one of them is four times as fast, at the right border."""
    rng = np.random.default_rng(sum(map(ord, name)))
    rows = []
    for frame in range(frames):
        for person in range(5):
            x = 20 + 25 * person + 3 * rng.normal()
            fast = person == 4 and frame in event
            speed = float(np.exp(rng.normal(np.log(2.8 if fast else 0.7), 0.15)))
            size = np.exp(rng.normal(0, 0.1, 3))
            rows.append([frame, x, 40.0, x + 10, 64.0, speed, speed, 0.0, *size])
    table = pd.DataFrame(rows, columns=detection.COLUMNS)
    numbers = np.arange(frames)
    labels = np.full(frames, label, np.int8)
    return Clip(name, "01", split, 24.0, numbers, labels, numbers, objects=table, size=SIZE)


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    training = [clip(f"t{i}", "train", 0) for i in range(4)]
    normal = [clip(f"n{i}", "weak", 0) for i in range(10)]
    abnormal = [clip(f"a{i}", "weak", 1, range(3 * i, 3 * i + 10)) for i in range(10)]
    return weak.fit(training + normal + abnormal, PARAMS.model_copy(update={"leaf_regions": 20, "stride": 1}), 0)


def test_a_fast_person_is_found_when_and_where(state):
    test = clip("x", "test", 0, range(20, 30))  # its labels say nothing
    scores, maps = weak.Detector(state, PARAMS).score(test)
    inside = np.isin(test.frames, range(20, 30))
    assert scores[inside].min() > scores[~inside].max()
    rows, columns = maps.shape[1:]
    y, x = np.unravel_index(maps[25].argmax(), maps[25].shape)
    assert (x + 0.5) / columns * SIZE[0] == pytest.approx(125, abs=12)
    assert 40 <= (y + 0.5) / rows * SIZE[1] <= 64
    assert maps.reshape(len(maps), -1).max(1).tolist() == pytest.approx(scores.tolist(), abs=1e-2)


def test_scores_do_not_depend_on_labels(state):
    test = clip("x", "test", 0, range(20, 30))
    other = replace(test, labels=1 - test.labels)
    detector = weak.Detector(state, PARAMS)
    np.testing.assert_array_equal(detector.score(test)[0], detector.score(other)[0])


def test_shuffled_labels_find_nothing():
    """With labels dealt at random, fast people are no evidence: half of those videos are called normal."""
    videos = [clip(f"v{i}", "weak", int(i % 4 < 2), range(10, 20) if i % 2 else range(0)) for i in range(40)]
    found = weak.fit([clip(f"t{i}", "train", 0) for i in range(4)] + videos, PARAMS, 0)
    scores, _ = weak.Detector(found, PARAMS).score(clip("x", "test", 0, range(20, 30)))
    inside = np.isin(np.arange(40), range(20, 30))
    pairs = np.subtract.outer(scores[inside], scores[~inside])
    assert 0.25 < ((pairs > 0) + 0.5 * (pairs == 0)).mean() < 0.75


def test_stored_trees_are_scikit_learn_s():
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 4)).astype(np.float32)
    features[rng.random(features.shape) < 0.1] = np.nan
    labels = (np.nan_to_num(features[:, 0]) + rng.normal(size=500) > 0).astype(int)
    params = PARAMS.model_copy(update={"leaf_regions": 10, "trees": 20})
    model = HistGradientBoostingClassifier(
        max_iter=20, learning_rate=params.tree_rate, max_leaf_nodes=params.leaves, min_samples_leaf=10,
        l2_regularization=params.tree_penalty, early_stopping=False, random_state=0,
    ).fit(features, labels)  # fmt: skip
    mine = evidence.log_odds(evidence.fit(features, labels, np.ones(500), (), params, 0), features)
    np.testing.assert_allclose(mine, model.decision_function(features), atol=1e-9)


def test_an_unknown_scene_has_no_places(state):
    table = clip("x", "test", 0).objects
    known, unknown = (regions.measured(table, scene, SIZE, state) for scene in ("01", "99"))
    place = regions.MEASURES.index("place")
    assert np.isfinite(known).all()
    assert np.isnan(unknown[:, place]).all()
    assert np.isfinite(evidence.log_odds(state, unknown)).all()


def test_who_walks_where_people_sit_is_not_fast():
    sitting = clip("s", "train", 0, frames=80)
    sitting.objects["speed"] = np.where(np.arange(400) % 8, 0.01, sitting.objects["speed"])  # one in eight walks
    walking = clip("x", "test", 0).objects
    state = regions.reference([sitting])
    relative = regions.measured(walking, "01", SIZE, state)[:, regions.MEASURES.index("relative_speed")]
    assert np.abs(relative).max() < 1.5  # beside those at rest it would be 2.6
    assert np.median(relative) < 0
    sitting.objects["speed"] = 0.01
    still = regions.measured(walking, "01", SIZE, regions.reference([sitting]))
    assert np.isnan(still[:, regions.MEASURES.index("relative_speed")]).all()  # nobody is known to move there
    assert np.isfinite(still[:, regions.MEASURES.index("place")]).all()


def test_too_few_videos_stand_aside_with_a_reason():
    clips = [clip("t0", "train", 0), clip("a0", "weak", 1)]
    assert "1 abnormal" in weak.why_not(clips)
    with pytest.raises(UserError, match="at least 4 of each"):
        weak.fit(clips, PARAMS, 0)
    training = [clip(f"t{i}", "train", 0) for i in range(10)]
    assert weak.why_not([*training, *(clip(f"a{i}", "test", 1) for i in range(4))]) is None


def test_the_middle_of_each_run():
    runs = np.concatenate([np.arange(9), np.arange(40, 49), np.arange(80, 89)])
    one = Clip("a", "01", "weak", 24.0, runs, np.zeros(27, np.int8), runs)
    assert centres(one).frames.tolist() == [4, 44, 84]


def index(weak: bool) -> pd.DataFrame:
    rows = [("train", f"01_00{i}", 0) for i in range(6)] + [("test", f"01_000{i}", i % 2) for i in range(6)]
    rows += [("weak", f"01_900{i}", i % 2) for i in range(4)] if weak else []
    parts = []
    for split, name, label in rows:
        labels = np.full(30, label) if split == "weak" else label * (np.arange(30) >= 20)
        parts.append(
            pd.DataFrame({"clip": name, "frame": np.arange(30), "scene": "01", "split": split, "label": labels})
        )
    return pd.concat(parts, ignore_index=True)


SAMPLING = sampling.Params(
    normal=20, cam_reference=5, prototypes_per_class=20, test_per_class=20, calibration=10, holdout=0.2, folds=2
)


def test_the_role_weak_is_weak_clips_and_training_clips():
    sample, _ = sampling.draw(index(weak=True), SAMPLING, "clean", 0)
    role = sample[sample["role"] == "weak"]
    assert {name[:5] for name in role["clip"] if name.startswith("01_9")} == {"01_90"}
    assert not role["clip"].isin([f"01_000{i}" for i in range(6)]).any()
    assert set(role["fold"]) == {-1}
    before, _ = sampling.draw(index(weak=False), SAMPLING, "clean", 0)
    for other in set(before["role"]) - {"weak"}:
        pd.testing.assert_frame_equal(
            *(one[one["role"] == other].reset_index(drop=True) for one in (before, sample)),
        )


def test_without_weak_clips_test_clips_give_their_clip_s_label_to_other_folds():
    sample, _ = sampling.draw(index(weak=False), SAMPLING, "clean", 0)
    role = sample[(sample["role"] == "weak") & (sample["fold"] >= 0)]
    assert (role.groupby("clip")["label"].nunique() == 1).all()
    assert role.groupby("clip")["label"].first().to_dict() == {f"01_000{i}": i % 2 for i in range(6)}
    assert set(role["fold"]) == {0, 1}


def test_one_class_shows_no_video_level_label():
    sample, _ = sampling.draw(index(weak=True), SAMPLING, "one_class", 0)
    assert "weak" not in set(sample["role"])


def test_evidence_never_falls_with_what_shall_rise():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 2)).astype(np.float32)
    labels = (rng.random(400) < 0.5).astype(int)  # noise: nothing to learn, and much to overfit
    state = evidence.fit(features, labels, np.ones(400), (0,), PARAMS.model_copy(update={"leaf_regions": 5}), 0)
    line = np.column_stack([np.linspace(-3, 3, 50), np.zeros(50)])
    assert (np.diff(evidence.log_odds(state, line)) >= 0).all()
