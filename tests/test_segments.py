import numpy as np
import pandas as pd
import pytest

from vad.evaluation import segments
from vad.metrics import measures

PARAMS = segments.Params(frames=4, top_k=2, grid=20, quantile=0.9)


def table(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["clip", "frame", "role", "fold", "label", "score", "prompt"])


def synthetic(folds: int) -> pd.DataFrame:
    """Eight test clips of 40 frames, half of them with an abnormal stretch that scores higher, and four normal ones."""
    rng, rows = np.random.default_rng(0), []
    for number in range(12):
        role = "test" if number < 8 else "calibration"
        for frame in range(40):
            label = int(role == "test" and number % 2 and 12 <= frame < 32)
            score = rng.normal(3.0 * label, 0.5)
            rows.append((f"c{number:02d}", frame, role, number // 2 % folds if number < 8 else -1, label, score, label))
    return table(rows)


def test_segments_by_hand():
    frames = table(
        [("a", frame, "test", 0, label, score, prompt) for frame, label, score, prompt in
         [(0, 0, 1.0, 5), (1, 0, 4.0, 7), (2, 1, 3.0, 6), (3, 0, 0.0, 5), (4, 0, 2.0, 5), (6, 0, 1.0, 5)]]
    )  # fmt: skip
    cut = segments.cut(frames, PARAMS)
    assert cut[["segment", "first_frame", "last_frame", "label"]].to_numpy().tolist() == [[0, 0, 3, 1], [1, 4, 6, 0]]
    assert cut["score"].tolist() == [3.5, 1.5]  # the two highest-scoring frames of each vote
    assert cut["prompt"].tolist() == [7, 5]  # one vote each for 7 and 6: the higher score decides


def test_video_score_is_the_ratio_of_anomalous_segments():
    rows = [("a", 0.1, 3), ("a", 0.9, 4), ("a", 0.5, 5), ("a", 0.2, 3), ("b", 0.4, 1)]
    cut = pd.DataFrame(rows, columns=["clip", "score", "prompt"])
    cut = cut.assign(segment=range(5), role="test", fold=0, label=[0, 1, 0, 0, 0])
    videos = segments.videos(cut, threshold=0.5)
    assert videos[["clip", "score", "label", "prompt"]].to_numpy().tolist() == [["a", 0.5, 1, 4], ["b", 0.0, 0, 1]]


def test_separable_scores_are_decided_rightly_by_thresholds_of_other_clips():
    levels, thresholds = segments.decide(synthetic(folds=2), PARAMS, "clean")
    metrics = segments.metrics(levels)
    assert set(thresholds) == {"0", "1"}
    assert len(levels.frames) == 8 * 40
    assert len(levels.segments) == 8 * 10
    assert len(levels.videos) == 12  # with the held-out normal clips
    assert all(metrics[level]["f1"] > 0.9 for level in ("frame", "segment", "video"))


def test_clean_thresholds_ignore_the_labels_they_decide_and_paper_ones_do_not():
    frames = synthetic(folds=2)
    spoilt = frames.assign(label=frames["label"].where(frames["fold"] != 0, 1 - frames["label"]))
    for protocol, same in (("clean", True), ("paper", False)):
        before = segments.decide(frames, PARAMS, protocol)[1]["0"]
        assert (segments.decide(spoilt, PARAMS, protocol)[1]["0"] == before) == same


def test_one_class_uses_held_out_normal_video_alone():
    frames = synthetic(folds=1)
    levels, thresholds = segments.decide(frames, PARAMS, "one_class")
    unlabelled = segments.decide(frames.assign(label=0), PARAMS, "one_class")[1]
    assert thresholds == unlabelled
    normal = frames.loc[frames["role"] == "calibration", "score"]
    assert thresholds["0"].frame == pytest.approx(np.quantile(normal, 0.9))
    assert set(levels.videos["role"]) == {"test"}


def test_grid_search_finds_the_best_pair():
    coarse = PARAMS.model_copy(update={"grid": 6})
    cut = segments.cut(synthetic(folds=1), PARAMS)
    test = cut[cut["role"] == "test"]

    def total(segment: float, video: float) -> float:
        clips = segments.videos(cut, segment)
        own = measures.confusion(test["score"] >= segment, test["label"])["f1"]
        return own + measures.confusion(clips["score"] >= video, clips["label"])["f1"]

    found = total(*segments._grid_search(cut, test, coarse))
    grid = [total(s, v) for s in np.quantile(test["score"], np.linspace(0, 1, 6)) for v in np.arange(1, 7) / 6]
    assert found == pytest.approx(max(grid))


def test_f1_leak_has_a_row_per_level():
    bootstrap = measures.Params(
        resamples=100, confidence=0.95, map_short_side=60, map_thresholds=50, alpha=0.1, beta=0.1, plot_detectors=3
    )
    for folds in (1, 2):
        rows = segments.f1_leak(synthetic(folds), PARAMS, 2, bootstrap, seed=0)
        assert set(rows) == {"frame", "segment", "video"}
        assert all(row["leak"] == pytest.approx(row["paper"] - row["clean"]) for row in rows.values())
        assert rows["frame"]["leak"] >= 0
