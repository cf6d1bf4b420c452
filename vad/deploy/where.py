"""Where in the picture: the peak of a score map and the box around it."""

import cv2
import numpy as np

from vad.deploy.stream import Reading, Scored


def telling(scored: Scored, detector: str) -> Reading | None:
    """The reading of ``detector``, else that of the highest calibrated score, whichever has a map; None: none has."""
    own = scored.readings.get(detector)
    if own is not None and own.map is not None:
        return own
    having = [reading for reading in scored.readings.values() if reading.map is not None]
    return max(having, key=lambda reading: reading.calibrated) if having else None


def telling_map(scored: Scored, detector: str) -> np.ndarray | None:
    """The map of :func:`telling`."""
    own = telling(scored, detector)
    return None if own is None else own.map


def place(
    score_map: np.ndarray, size: tuple[int, int], level: float | None = None
) -> tuple[tuple[int, int], tuple[int, int, int, int]] | None:
    """The peak (x, y) and the box (x1, y1, x2, y2) of the region about it that is at ``level`` or above.

    Without one, and where the peak itself does not reach it, at half height: halfway between the map's median and its
    maximum. The region is connected through 8 neighbours.

    Args:
        score_map: (h, w) over the whole picture. size: (width, height) of the picture.

    Returns:
        In pixels of the picture, the box's far sides exclusive; None where the map is level or holds no number.
    """
    values = np.asarray(score_map, np.float32)
    finite = np.isfinite(values)
    if not finite.any():
        return None
    values = np.where(finite, values, values[finite].min())
    top, middle = float(values.max()), float(np.median(values))
    if top <= middle:
        return None
    edge = (top + middle) / 2 if level is None or top < level else level
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    _, regions = cv2.connectedComponents((values >= edge).astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(regions == regions[row, column])
    wide, high = size[0] / values.shape[1], size[1] / values.shape[0]
    point = (int((column + 0.5) * wide), int((row + 0.5) * high))
    left, right = float(columns.min() * wide), float((columns.max() + 1) * wide)
    top_side, bottom = float(rows.min() * high), float((rows.max() + 1) * high)
    return point, (round(left), round(top_side), round(right), round(bottom))
