"""Where in the picture: the peak of a score map and the box around it."""

import cv2
import numpy as np

from vad.deploy.stream import Reading, Scored


def telling_map(scored: Scored, detector: str) -> np.ndarray | None:
    """The map of ``detector``, else that of the detector with the highest calibrated score that has one."""
    own = scored.readings.get(detector)
    if own is not None and own.map is not None:
        return own.map
    having: list[Reading] = [reading for reading in scored.readings.values() if reading.map is not None]
    return max(having, key=lambda reading: reading.calibrated).map if having else None


def place(score_map: np.ndarray, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int, int, int]] | None:
    """The peak (x, y) and the box (x1, y1, x2, y2) of the region about it that is above half its height.

    Half height is halfway between the map's median and its maximum; the region is connected through 8 neighbours.

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
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    _, regions = cv2.connectedComponents((values >= (top + middle) / 2).astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(regions == regions[row, column])
    wide, high = size[0] / values.shape[1], size[1] / values.shape[0]
    point = (int((column + 0.5) * wide), int((row + 0.5) * high))
    left, right = float(columns.min() * wide), float((columns.max() + 1) * wide)
    top_side, bottom = float(rows.min() * high), float((rows.max() + 1) * high)
    return point, (round(left), round(top_side), round(right), round(bottom))
