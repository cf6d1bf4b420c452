"""Stretches of a clip: abnormal ones, whatever file they were read from, and runs of ones in labels and flags."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Intervals:
    """Abnormal stretches (first, last), 0-based and inclusive, and the file that they were read from."""

    file: Path
    spans: tuple[tuple[int, int], ...]


def stretches(labels: np.ndarray) -> list[tuple[int, int]]:
    """Runs of ones in (T,) ``labels`` as half-open (start, end) positions.

    Example:
        >>> stretches(np.array([0, 1, 1, 0, 1]))
        [(1, 3), (4, 5)]
    """
    steps = np.diff(np.concatenate([[0], np.asarray(labels, np.int8), [0]]))
    return [(int(a), int(b)) for a, b in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)]
