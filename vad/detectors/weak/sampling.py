"""Which moments of a video are looked at: one sampler for training and for scoring.

A snippet stands for ``stride`` frames (16, as the field's features do). A video with more than ``most`` of them is
thinned evenly over its whole length; nothing is padded, repeated or cut off.
"""

import numpy as np


def even(count: int, most: int) -> np.ndarray:
    """(min(count, most),) int64 positions among ``count`` snippets, first and last included, ascending."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.int64)


def moments(stored: np.ndarray, stride: int, phase: int = 0) -> np.ndarray:
    """Numbers of the frames that stand for a clip's snippets, each with its predecessor in the store (for motion).

    Args:
        stored: (M,) ascending frame numbers. In a clip stored in pairs, only second ones have a predecessor.
        stride: frames between two moments, the first one being the first frame that has a predecessor.
        phase: frames by which all moments are later; moments past the end are left out.

    Returns:
        (K,) int64, at least one; the frame itself where a clip has but one.
    """
    if len(stored) < 2:
        return stored.astype(np.int64)
    steps = np.diff(stored)
    eligible = stored[1:][steps == steps.min()]
    targets = np.arange(eligible[0] + phase, eligible[-1] + 1, stride)
    targets = targets if len(targets) else eligible[:1]
    after = np.clip(np.searchsorted(eligible, targets), 1, len(eligible) - 1) if len(eligible) > 1 else 0 * targets
    before = np.maximum(after - 1, 0)
    nearer = np.where(targets - eligible[before] < eligible[after] - targets, before, after)
    return np.unique(eligible[nearer]).astype(np.int64)
