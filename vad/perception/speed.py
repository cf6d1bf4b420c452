"""Speed in body heights per second by position: of whatever moves in a frame, and what is normal where.

Flow is averaged over the area of one typical object, and divided by the height of an object at that row: the same walk
gives the same speed near the camera and far from it.
"""

import cv2
import numpy as np
from scipy.special import log_ndtr, ndtri

from vad.perception.foreground import ObjectSize

NODES = (12, 16)  # rows and columns at which speeds are described; in between it is interpolated
MOVING = 0.1  # body heights per second: below it nothing moves
REACH = 0.5  # standard deviation of the neighbourhood of a position, in object heights
HIGH = 0.9  # quantile that gives the one-sided scale
USUAL_SPEED = 0.7  # a walk, in body heights per second, where nothing ever moved
LEAST_SCALE = 0.05  # of the natural logarithm of the speed


def speed_by_position(peaks: np.ndarray, every: np.ndarray, size: ObjectSize, shrinkage: float) -> np.ndarray:
    """Median of the log speed at each node of a scene, and its one-sided scale, one for the scene.

    The median is that of the scene's peaks weighted by their distance to the node, mixed with ``shrinkage`` peaks'
    worth of the scene's own pool, itself mixed with as much of all scenes': where little was seen, the pool decides.
    A scale per node was tried and is too noisy: it lets the few places with uniform traffic dominate the frame.

    Args:
        peaks: (P, 3) of the scene, see :func:`_training_peaks`; every: the same of all scenes, at least one.

    Returns:
        (2, *NODES) float32.
    """
    points = np.concatenate([peaks, every])
    own = np.arange(len(points)) < len(peaks)
    pool = np.where(own, 1.0, shrinkage / len(every))
    order = np.argsort(points[:, 2], kind="stable")
    (y, x, values), own, pool = points[order].T, own[order], pool[order]
    middle, high = _weighted_quantiles(values, pool, [0.5, HIGH])
    table = np.empty((2, *NODES), np.float32)
    table[1] = max(LEAST_SCALE, (high - middle) / ndtri(HIGH))
    rows, columns = ((np.arange(n) + 0.5) / n for n in NODES)
    for i, (row, reach) in enumerate(zip(rows, REACH * size.at(rows)[0], strict=True)):
        for j, column in enumerate(columns):
            # The usual frame is half as wide again as high: columns, fractions of the width, are stretched by it.
            near = np.exp(-0.5 * ((y - row) ** 2 + (1.5 * (x - column)) ** 2) / reach**2)
            weight = near * own + pool * (shrinkage / pool.sum())
            table[0, i, j] = _weighted_quantiles(values, weight, [0.5])[0]
    return table


def _weighted_quantiles(values: np.ndarray, weights: np.ndarray, levels: list[float]) -> np.ndarray:
    """Quantiles of ascending ``values`` with ``weights``."""
    total = np.cumsum(weights)
    return values[np.minimum(np.searchsorted(total, np.array(levels) * total[-1]), len(values) - 1)]


class Windows:
    """One window per cell of the flow grid, as large as a typical object centred there.

    Args:
        grid: (h, w) of the flow grid.
    """

    def __init__(self, grid: tuple[int, int], size: ObjectSize) -> None:
        rows, columns = grid
        centre = (np.arange(rows) + 0.5) / rows
        self.height, width = size.at(centre)
        half_rows, half_columns = (
            np.maximum(0, np.round((side * rows - 1) / 2)).astype(int) for side in (self.height, width)
        )
        y, x = np.arange(rows)[:, None], np.arange(columns)[None]
        self.top, self.bottom = np.maximum(y - half_rows[:, None], 0), np.minimum(y + half_rows[:, None] + 1, rows)
        self.left, self.right = (
            np.maximum(x - half_columns[:, None], 0),
            np.minimum(x + half_columns[:, None] + 1, columns),
        )
        self.area = ((self.bottom - self.top) * (self.right - self.left)).astype(np.float32)
        self.near = np.ones((2 * int(np.median(half_rows)) + 1, 2 * int(np.median(half_columns)) + 1), np.uint8)

    def speed(self, flow: np.ndarray) -> np.ndarray:
        """(h, w) float32 mean flow magnitude in each window, in body heights per second.

        Args:
            flow: (h, w, 2) in frame heights per second.
        """
        total = cv2.integral(np.hypot(flow[..., 0], flow[..., 1]))
        inside = total[self.bottom, self.right] - total[self.top, self.right]
        inside += total[self.top, self.left] - total[self.bottom, self.left]
        return (inside / self.area / self.height[:, None]).astype(np.float32)

    def peaks(self, speed: np.ndarray) -> np.ndarray:
        """(P, 3) row, column (fractions) and log speed of the local maxima that move: one per moving object."""
        highest = (speed >= cv2.dilate(speed, self.near)) & (speed > MOVING)
        y, x = np.nonzero(highest)
        return np.stack([(y + 0.5) / speed.shape[0], (x + 0.5) / speed.shape[1], np.log(speed[y, x])], axis=1)


def surprise(speed: np.ndarray, middle: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """-log10 of the probability that a log-normal with ``middle`` and ``scale`` of the logarithm exceeds ``speed``."""
    return -log_ndtr((middle - np.log(np.maximum(speed, 1e-6))) / scale) / np.log(10)
