"""Folds of whole clips, so that a frame is never judged by what was fitted on its neighbours."""

import numpy as np


def deal_clips(labels: np.ndarray, clips: np.ndarray, folds: int) -> np.ndarray:
    """Deal clips to folds in turn, those with the largest share of abnormal frames first.

    Args:
        labels: (N,) 0 or 1; clips: (N,) code of each frame's clip.

    Returns:
        (N,) fold of each frame, 0..folds-1; frames of one clip share theirs.
    """
    codes, clip = np.unique(clips, return_inverse=True)
    share = np.bincount(clip, weights=labels) / np.bincount(clip)
    fold = np.empty(len(codes), dtype=int)
    fold[np.argsort(-share, kind="stable")] = np.arange(len(codes)) % folds
    return fold[clip]
