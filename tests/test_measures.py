import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from vad.metrics import measures
from vad.metrics.measures import Frames, auc, confusion, equal_error_rate, interval, resamples, roc


def sample(seed: int = 0, clips: int = 7, size: int = 400) -> Frames:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, clips, size)
    labels = (rng.random(size) < 0.2 + 0.1 * codes).astype(int)
    labels[codes == 0] = 1  # a wholly abnormal clip
    return Frames(np.round(rng.normal(size=size) + labels, 1), labels, codes)  # rounded: with ties


def test_auc_by_hand():
    # Abnormal 3 beats normal 1, 2; abnormal 2 beats 1 and ties with 2: 3.5 of 4 pairs.
    frames = Frames(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0, 0, 1, 1]), np.zeros(4, int))
    assert frames.roc_auc()[0] == auc(frames.scores, frames.labels) == 0.875


def test_average_precision_by_hand():
    # Descending: abnormal, normal, abnormal, normal: 1/2 x 1 + 1/2 x 2/3.
    frames = Frames(np.array([4.0, 3.0, 2.0, 1.0]), np.array([1, 0, 1, 0]), np.zeros(4, int))
    assert frames.average_precision()[0] == pytest.approx(5 / 6)


def test_equal_error_rate_by_hand():
    # One of four abnormal frames lies below one of four normal ones: both error rates are 1/4.
    scores, labels = np.array([1, 2, 3, 5, 4, 6, 7, 8.0]), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert equal_error_rate(scores, labels) == 0.25
    assert equal_error_rate(np.array([1.0, 2.0]), np.array([0, 1])) == 0
    assert equal_error_rate(np.ones(4), np.array([0, 1, 0, 1])) == 0.5


def test_micro_and_macro_differ_by_hand():
    # Each clip is ranked perfectly; pooled, clip 1's normal frame (5) beats clip 0's abnormal one (2).
    frames = Frames(np.array([1, 2, 5, 6.0]), np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]))
    assert frames.roc_auc_macro()[0] == 1.0
    assert frames.roc_auc()[0] == 0.75


def test_metrics_equal_sklearn():
    frames = sample()
    assert frames.roc_auc()[0] == pytest.approx(roc_auc_score(frames.labels, frames.scores))
    assert frames.average_precision()[0] == pytest.approx(average_precision_score(frames.labels, frames.scores))
    per_clip = [
        roc_auc_score(frames.labels[own], frames.scores[own]) for own in (frames.clips == code for code in range(1, 7))
    ]
    assert frames.roc_auc_macro()[0] == pytest.approx(np.mean(per_clip))


def test_bootstrap_equals_resampling_clips_one_by_one():
    frames = sample(1)
    weights = resamples(7, 40, seed=3)
    micro, macro = frames.roc_auc(weights), frames.roc_auc_macro(weights)
    precision = frames.average_precision(weights)
    for row, weight in enumerate(weights.astype(int)):
        rows = np.concatenate([np.flatnonzero(frames.clips == c) for c in np.repeat(np.arange(7), weight)])
        scores, labels = frames.scores[rows], frames.labels[rows]
        assert micro[row] == pytest.approx(roc_auc_score(labels, scores))
        assert precision[row] == pytest.approx(average_precision_score(labels, scores))
        own = [Frames(frames.scores[c], frames.labels[c], np.zeros(c.sum(), int)).roc_auc()[0]
               for c in (frames.clips == code for code in range(1, 7))]  # fmt: skip
        assert macro[row] == pytest.approx(np.average(own, weights=weight[1:]))


def test_grouped_scores_leave_the_interval_of_average_precision():
    rng = np.random.default_rng(0)
    labels, clips = rng.integers(0, 2, 9000), rng.integers(0, 5, 9000)
    frames = Frames(rng.normal(size=9000) + labels, labels, clips)
    exact = frames.average_precision()[0]
    assert frames.average_precision(np.ones((1, 5)))[0] == pytest.approx(exact, abs=1e-3)


def test_one_class_has_no_auc():
    frames = Frames(np.array([1.0, 2.0]), np.array([1, 1]), np.array([0, 1]))
    assert np.isnan(frames.roc_auc()[0])
    assert np.isnan(frames.roc_auc_macro()[0])
    assert np.isnan(auc(frames.scores, frames.labels))


def test_interval_leaves_out_resamples_without_a_value():
    low, high = interval(np.append(np.linspace(0, 1, 101), np.nan), 0.9)
    assert (low, high) == pytest.approx((0.05, 0.95))


def test_resamples_are_seeded_and_keep_the_number_of_clips():
    assert (resamples(9, 50, 1).sum(axis=1) == 9).all()
    assert np.array_equal(resamples(9, 50, 1), resamples(9, 50, 1))
    assert not np.array_equal(resamples(9, 50, 1), resamples(9, 50, 2))


def test_confusion_by_hand():
    counts = confusion([1, 1, 0, 0, 1], [1, 0, 1, 0, 1])
    assert (counts["tp"], counts["fp"], counts["fn"], counts["tn"]) == (2, 1, 1, 1)
    assert counts["f1"] == counts["precision"] == counts["recall"] == pytest.approx(2 / 3)


def test_roc_runs_from_corner_to_corner():
    fpr, tpr = roc(np.array([1.0, 2.0, 3.0]), np.array([0, 1, 1]))
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)


def test_the_bootstrap_is_the_same_however_it_is_cut(monkeypatch):
    """And it is the AUC of the frames, each as often as its clip was drawn."""
    rng = np.random.default_rng(3)
    clips, labels = np.repeat(np.arange(5), 20), rng.integers(0, 2, 100)
    frames = Frames((rng.normal(size=100) + labels).round(1), labels, clips)
    weights = resamples(5, 30, 0)
    whole = frames.roc_auc(weights)
    monkeypatch.setattr(measures, "FEW", 0)
    np.testing.assert_array_equal(frames.roc_auc(weights), whole)
    monkeypatch.setattr(measures, "CELLS", 130)
    np.testing.assert_array_equal(frames.roc_auc(weights), whole)
    times = weights[7].astype(int)[clips]
    again = auc(np.repeat(frames.scores, times), np.repeat(labels, times))
    assert whole[7] == pytest.approx(again, abs=1e-12)
