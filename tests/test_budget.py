import numpy as np
import pandas as pd
import pytest

from vad.post_processing import budget


def blocks(highest: np.ndarray, seconds: float = 20.0) -> budget.Blocks:
    names = np.array([f"c{i}" for i in range(len(highest))], dtype=object)
    return budget.Blocks(np.asarray(highest, dtype=float), np.full(len(highest), seconds), names)


def test_clips_are_cut_into_equal_blocks_of_at_least_the_wanted_length():
    rows = pd.DataFrame(
        {"clip": ["a"] * 50 + ["b"] * 9, "frame": [*range(50), *range(9)], "x": [*range(50), *range(9)]}
    )
    made = budget.cut(rows, {"a": 1.0, "b": 1.0}, "x", seconds=20)
    assert made.highest.tolist() == [24, 49, 8]  # two blocks of 25 s; the short clip is one
    assert made.seconds.tolist() == [25, 25, 9]
    assert made.clips.tolist() == ["a", "a", "b"]


def test_a_stride_stands_for_the_video_between_its_frames():
    rows = pd.DataFrame({"clip": "a", "frame": np.arange(0, 240, 4), "x": 0.0})
    assert budget.cut(rows, {"a": 24.0}, "x", seconds=20).hours == pytest.approx(10 / 3600)


def test_the_threshold_is_just_above_the_affordable_block():
    # 179 blocks of 20 s: 180 a hour; 6 an hour are 1 in 30, so 6 of 180: the sixth highest is the first to stay quiet.
    made = budget.within(blocks(np.arange(179)), 6)
    assert made.rank == 6
    assert made.refused is None
    assert 173 < made.threshold <= 174
    assert made.alarms_per_hour == pytest.approx(6)
    assert made.low < 6 < made.high


def test_less_video_than_the_budget_needs_is_refused_not_extrapolated():
    enough = budget.within(blocks(np.arange(29)), 6)
    less = budget.within(blocks(np.arange(28)), 6)
    assert enough.refused is None
    assert "9.3 minutes" in less.refused
    assert "10 are needed" in less.refused
    assert less.threshold > 27
    assert less.alarms_per_hour == pytest.approx(180 / 29)  # what can be promised, and that is more than was asked


def test_an_alarm_without_end_is_no_budget():
    made = budget.within(blocks(np.arange(10)), 3600)
    assert made.rank == 5


def test_promise_and_interval_hold_for_any_distribution():
    """Over many calibration sets the mean rate is k/(n+1), and 95 % of coming counts are in their interval."""
    rng = np.random.default_rng(0)
    n, m, seen, inside = 59, 40, [], []
    for _ in range(2000):
        scores = rng.standard_cauchy(n + m)
        made = budget.within(blocks(scores[:n]), 9)
        alarms = int((scores[n:] >= made.threshold).sum())
        low, high = budget.expected_count(made, m, 0.95)
        seen.append(alarms / m)
        inside.append(low <= alarms <= high)
    assert made.rank == 3
    assert np.mean(seen) == pytest.approx(3 / 60, abs=0.003)
    assert 0.94 <= np.mean(inside) <= 0.995


def test_equal_scores_give_fewer_alarms_never_more():
    made = budget.within(blocks(np.append(np.zeros(50), np.ones(9))), 9)
    assert (np.append(np.zeros(50), np.ones(9)) >= made.threshold).sum() <= 3
