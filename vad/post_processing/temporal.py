"""Smoothing of a clip's frame scores over time, centred for archives and causal for live streams.

Smoothing is a normalised convolution (Knutsson & Westin 1993) over the frames' true times: every frame that was
scored counts with the kernel's weight at its distance in time, frames that were left out count nothing, and the weights
are divided by their sum. A stride, a gap or a clip's border therefore needs no padding, and an isolated sampled frame
keeps its own score. Widths are in seconds, so that one setting carries across frame rates: 0.3 s is the literature's
3 frames at 10 fps (Ped2) and 7 frames at 24 fps (ShanghaiTech).

Both functions see one clip at a time; nothing is ever smoothed across clips.
"""

from collections import deque
from typing import Literal

import numpy as np
import pydantic

from vad.pipeline.params import Section

TRUNCATE = 4.0  # a Gaussian is cut at this many sigmas


class Params(Section):
    """Section ``temporal`` of params.yaml."""

    method: Literal["gaussian", "median", "none"]
    sigma_seconds: float = pydantic.Field(gt=0, le=60)
    median_window: int = pydantic.Field(ge=1, le=999)
    causal: Literal["gaussian", "exponential"]

    @pydantic.field_validator("median_window")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("should be odd, so that the window has a middle frame")
        return value


def smooth(scores: np.ndarray, frames: np.ndarray, fps: float, params: Params) -> np.ndarray:
    """One clip's scores, smoothed with a centred window.

    Args:
        scores: (N,) finite scores.
        frames: (N,) ascending frame numbers; numbers may be missing.
        fps: frames per second by which ``frames`` count.

    Returns:
        (N,) float64.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if params.method == "none" or len(scores) == 0:
        return scores.copy()
    if params.method == "median":
        return _median(scores, np.asarray(frames), params.median_window // 2)
    sigma = params.sigma_seconds * fps
    reach = int(TRUNCATE * sigma + 0.5)
    return _convolve(scores, frames, _gaussian(np.arange(-reach, reach + 1), sigma))


def causal(scores: np.ndarray, frames: np.ndarray, fps: float, params: Params) -> np.ndarray:
    """One clip's scores, smoothed with a window that ends at each frame; the scores themselves may look ahead.

    The window is the right half of a Gaussian of ``sigma_seconds`` or an exponential of that time constant; the method
    ``none`` leaves causal scores raw too. Arguments and result as in :func:`smooth`.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if params.method == "none" or len(scores) == 0:
        return scores.copy()
    sigma = params.sigma_seconds * fps
    if params.causal == "gaussian":
        past = _gaussian(np.arange(int(TRUNCATE * sigma + 0.5) + 1), sigma)
    else:
        past = np.exp(-np.arange(int(frames[-1] - frames[0]) + 1) / sigma)
    return _convolve(scores, frames, np.concatenate([np.zeros(len(past) - 1), past]))


class Causal:
    """:func:`causal` of scores that come one by one; what it remembers does not grow.

    Args:
        fps: frames per second by which frame numbers count.
    """

    def __init__(self, fps: float, params: Params) -> None:
        self._params, self._sigma = params, params.sigma_seconds * fps
        self._reach = int(TRUNCATE * self._sigma + 0.5)
        self._past: deque[tuple[int, float]] = deque()
        self._last, self._sum, self._weight = 0, 0.0, 0.0

    def push(self, frame: int, score: float) -> float:
        """The smoothed score of ``frame``; frame numbers ascend."""
        if self._params.method == "none":
            return float(score)
        if self._params.causal == "exponential":
            fade = np.exp(-(frame - self._last) / self._sigma)
            self._sum, self._weight = self._sum * fade + score, self._weight * fade + 1.0
            self._last = frame
            return float(self._sum / self._weight)
        self._past.append((frame, float(score)))
        while self._past[0][0] < frame - self._reach:
            self._past.popleft()
        at, scores = np.array(self._past).T
        weights = _gaussian(frame - at, self._sigma)
        return float(weights @ scores / weights.sum())


def _gaussian(distance: np.ndarray, sigma: float) -> np.ndarray:
    return np.exp(-0.5 * (distance / sigma) ** 2)


def _convolve(scores: np.ndarray, frames: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Normalised convolution on the grid of frame numbers; ``kernel`` has odd length, its middle is distance 0."""
    at = np.asarray(frames) - frames[0]
    values, present = np.zeros(at[-1] + 1), np.zeros(at[-1] + 1)
    values[at], present[at] = scores, 1.0
    middle = len(kernel) // 2
    total = np.convolve(values, kernel)[middle + at]
    return total / np.convolve(present, kernel)[middle + at]


def _median(scores: np.ndarray, frames: np.ndarray, reach: int) -> np.ndarray:
    """Median over the scored frames at most ``reach`` frame numbers away."""
    grid = np.full(int(frames[-1] - frames[0]) + 1 + 2 * reach, np.nan)
    at = frames - frames[0]
    grid[at + reach] = scores
    window = np.lib.stride_tricks.sliding_window_view(grid, 2 * reach + 1)[at]
    return np.nanmedian(window, axis=1)
