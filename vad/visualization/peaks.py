"""Peaks of a clip's scores."""

import numpy as np
from scipy.ndimage import maximum_filter1d


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
