"""From person boxes with identities to smooth trajectories, their speed and their acceleration.

Everything works on all trajectories of a clip at once: the rows of all are concatenated, each trajectory dense in time.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import correlate1d, gaussian_filter1d

BOX = ["x1", "y1", "x2", "y2"]
SMOOTH_REACH, AVERAGE_REACH = 4, 3  # sigmas at which the Gaussians of smoothing and of averaging end


@dataclass(frozen=True)
class Trajectories:
    """B boxes of T trajectories, ordered by trajectory, then frame, without a gap inside a trajectory.

    Attributes:
        frames: (B,) frame numbers. owners: (B,) trajectory numbers 0..T-1.
        boxes: (B, 4) centre x, centre y, width, height in pixels.
        starts, lengths: (T,) first row and number of rows of each trajectory.
    """

    frames: np.ndarray
    owners: np.ndarray
    boxes: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def smoothed(self, sigma: float) -> np.ndarray:
        """``boxes``, Gaussian-smoothed along each trajectory with ``sigma`` frames; its end boxes are repeated."""
        rows, inside = self._padded(int(SMOOTH_REACH * sigma + 0.5))
        return gaussian_filter1d(self.boxes[rows], sigma, axis=0, truncate=SMOOTH_REACH)[inside]

    def averaged(self, values: np.ndarray, weights: np.ndarray, sigma: float, prior: float, usual: float) -> np.ndarray:
        """Weighted Gaussian mean of (B,) ``values`` along each trajectory, drawn to the ``usual`` value.

        What a trajectory does not have, beyond its ends or where ``weights`` (B,) are small, says nothing: the mean is
        over what it has, together with ``prior`` of the kernel's whole weight at ``usual``, so that a few boxes alone
        cannot be as extreme as many that agree.
        """
        reach = int(AVERAGE_REACH * sigma + 0.5)
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        rows, inside = self._padded(reach)
        weight = np.where(inside, weights[rows], 0.0)
        total = correlate1d(weight * values[rows], kernel, mode="constant")
        known = correlate1d(weight, kernel, mode="constant")
        prior *= kernel.sum()
        return ((total + prior * usual) / (known + prior))[inside]

    def _padded(self, reach: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of all trajectories, each with its end rows repeated ``reach`` times, and which of these are its own."""
        padded = self.lengths + 2 * reach
        owners = np.repeat(np.arange(len(padded)), padded)
        step = np.arange(padded.sum()) - (np.cumsum(padded) - padded)[owners] - reach
        inside = (step >= 0) & (step < self.lengths[owners])
        return np.clip(step, 0, self.lengths[owners] - 1) + self.starts[owners], inside

    def rate(self, values: np.ndarray, window: int) -> np.ndarray:
        """Change per frame of (B, C) ``values`` over ``window`` frames centred on each row.

        At a trajectory's ends the window is shifted inside; a shorter trajectory is its own window, one box has rate 0.
        """
        first = self.starts[self.owners]
        last = first + self.lengths[self.owners] - 1
        begin = np.clip(np.arange(len(values)) - window // 2, first, np.maximum(last - window, first))
        end = np.minimum(begin + window, last)
        return (values[end] - values[begin]) / np.maximum(end - begin, 1)[:, None]


def densify(tracks: pd.DataFrame, max_gap: int) -> Trajectories:
    """Trajectories of the boxes in ``tracks`` (frame, track, x1, y1, x2, y2).

    A track is split where it is unseen for more than ``max_gap`` frames; shorter gaps are interpolated linearly.
    """
    ordered = tracks.drop_duplicates(["track", "frame"]).sort_values(["track", "frame"])
    frame, track = ordered["frame"].to_numpy(np.int64), ordered["track"].to_numpy(np.int64)
    x1, y1, x2, y2 = ordered[BOX].to_numpy(np.float64).T
    seen = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1)
    new = np.ones(len(frame), bool)
    new[1:] = (np.diff(track) != 0) | (np.diff(frame) > max_gap)
    begin = np.flatnonzero(new)
    end = np.append(begin[1:], len(frame))[: len(begin)] - 1
    lengths = frame[end] - frame[begin] + 1
    starts = np.cumsum(lengths) - lengths
    owners = np.repeat(np.arange(len(begin)), lengths)
    frames = np.arange(lengths.sum()) - starts[owners] + frame[begin][owners]
    # One time axis for all trajectories, each on its own stretch of it, so that one interpolation serves all.
    stretch = int(frame.max(initial=0)) + 1
    at, known = owners * stretch + frames, (np.cumsum(new) - 1) * stretch + frame
    boxes = np.stack([np.interp(at, known, column) for column in seen.T], axis=1) if len(frame) else np.empty((0, 4))
    return Trajectories(frames, owners, boxes, starts, lengths)
