import numpy as np

from vad.data.intervals import stretches
from vad.visualization.peaks import peaks


def test_stretches_touching_both_ends() -> None:
    assert stretches(np.array([1, 1, 0, 1])) == [(0, 2), (3, 4)]
    assert stretches(np.zeros(3)) == []


def test_peaks_need_height_and_distance() -> None:
    scores = np.array([0, 3, 0, 2, 0, 0, 5, 0])
    frames = np.arange(8)
    assert peaks(scores, frames, 1, 1).tolist() == [1, 3, 6]
    assert peaks(scores, frames, 2.5, 1).tolist() == [1, 6]
    assert peaks(scores, frames, 1, 3).tolist() == [1, 6], "the higher of two near peaks stays"
    assert peaks(scores, frames * 2, 1, 3).tolist() == [1, 3, 6], "distance counts frame numbers"


def test_peaks_at_the_ends_and_without_a_level() -> None:
    assert peaks(np.array([2.0, 1.0, 3.0]), np.arange(3), 0, 1).tolist() == [0, 2]
    assert peaks(np.array([2.0, 1.0]), np.arange(2), float("nan"), 1).tolist() == []


def test_of_a_level_stretch_the_first_position_is_the_peak() -> None:
    assert peaks(np.array([0, 5, 5, 5, 0, 5]), np.arange(6), 1, 2).tolist() == [1, 5]
    assert peaks(np.ones(9), np.arange(9), 1, 3).tolist() == [0]
