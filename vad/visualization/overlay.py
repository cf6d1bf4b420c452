"""A score map laid over its frame."""

import cv2
import numpy as np


def span(maps: list[np.ndarray], quantiles: tuple[float, float] = (0.5, 0.999)) -> tuple[float, float]:
    """The (low, high) map values that the colours run between, common to all of a detector's pictures.

    Args:
        maps: the detector's maps, each (N, h, w).
    """
    values = np.concatenate([np.asarray(part, np.float32)[:, ::2, ::2].ravel()[::3] for part in maps])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = (float(value) for value in np.quantile(values, quantiles))
    return (low, high) if high > low else (low, low + 1.0)


def blend(image: np.ndarray, score_map: np.ndarray, limits: tuple[float, float], opacity: float) -> np.ndarray:
    """Colour the map and lay it over the image; the lower a value, the more of the image shows through.

    Args:
        image: (H, W, 3) uint8 RGB.
        score_map: (h, w) float, any resolution.
        limits: map values of the first and the last colour.
        opacity: 0 to 1, of the last colour.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    low, high = limits
    size = image.shape[1::-1]
    unit = np.clip((np.nan_to_num(np.asarray(score_map, np.float32), nan=low) - low) / (high - low), 0, 1)
    unit = cv2.resize(unit, size, interpolation=cv2.INTER_LINEAR)
    colour = cv2.cvtColor(cv2.applyColorMap((unit * 255).astype(np.uint8), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    alpha = np.float32(opacity) * cv2.sqrt(unit)
    return cv2.blendLinear(image, colour, 1 - alpha, alpha)


Box = tuple[float, float, float, float]


def boxes(score_map: np.ndarray, level: float) -> list[Box]:
    """(x1, y1, x2, y2) of the regions of a map at or above ``level``, connected through 8 neighbours.

    In shares of the picture's width and height, the far sides exclusive; a cell without a number is in no region.
    """
    values = np.nan_to_num(np.asarray(score_map, np.float32), nan=-np.inf)
    height, width = values.shape
    _, _, found, _ = cv2.connectedComponentsWithStats((values >= level).astype(np.uint8), connectivity=8)
    return [
        (x / width, y / height, (x + wide) / width, (y + high) / height) for x, y, wide, high, _ in found[1:].tolist()
    ]


def linked(found: dict[int, list[Box]]) -> dict[int, list[Box]]:
    """The boxes that touch one of the frame before or of the frame after: a region of a single frame is a flicker.

    Args:
        found: frame number -> its boxes, of frames in any order.
    """
    order = sorted(found)
    kept = {}
    for place, frame in enumerate(order):
        beside = [box for near in (place - 1, place + 1) if 0 <= near < len(order) for box in found[order[near]]]
        kept[frame] = [box for box in found[frame] if any(_touch(box, other) for other in beside)]
    return kept


def _touch(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
