"""Peaks of a clip's scores, and stretches of its labels."""

import numpy as np
from scipy.ndimage import maximum_filter1d


def stretches(labels: np.ndarray) -> list[tuple[int, int]]:
    """Runs of ones in ``labels`` as half-open (start, end) positions.

    Example:
        >>> stretches(np.array([0, 1, 1, 0, 1]))
        [(1, 3), (4, 5)]
    """
    steps = np.diff(np.concatenate([[0], np.asarray(labels, np.int8), [0]]))
    return [(int(a), int(b)) for a, b in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)]


def peaks(scores: np.ndarray, frames: np.ndarray, level: float, distance: float) -> np.ndarray:
    """Positions at or above ``level`` that are the highest within ``distance`` frames to both sides.

    Of a level stretch the first position counts.

    Args:
        scores: (N,) scores of one clip, ``frames`` (N,) their ascending frame numbers.
        level: NaN marks no peak at all.
    """
    if not np.isfinite(level) or not len(scores):
        return np.zeros(0, np.int64)
    step = max(1.0, float(np.median(np.diff(frames)))) if len(frames) > 1 else 1.0
    reach = max(1, round(distance / step) - 1)
    scores = np.asarray(scores, np.float64)
    highest = (scores == maximum_filter1d(scores, 2 * reach + 1, mode="nearest")) & (scores >= level)
    level_with_last = np.concatenate([[False], highest[:-1] & (scores[1:] == scores[:-1])])
    return np.flatnonzero(highest & ~level_with_last)
