"""What is measured on a region, a foreground object: how it moves, its form, and where it is in its scene.

Places and speeds are compared with those that the scene's normal training clips show there; lengths and speeds are in
units of the typical object at that row, so that one model serves all cameras.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from vad.data.frames import Clip
from vad.perception import detection
from vad.perception.speed import MOVING

MEASURES = (
    "speed", "relative_speed", "height", "width", "area", "upright", "filled", "place",
)  # fmt: skip
# Faster than is usual there, or farther from where anybody was seen, is never less evidence: few videos must suffice.
RISING = tuple(MEASURES.index(name) for name in ("relative_speed", "place"))
KEPT = 1500  # reference objects per scene, evenly over time
PLACES, SPEEDS = 3, 40  # nearest reference objects for the distance to places, and for the usual speed
SPEED_QUANTILE = 0.9  # of the latter's speeds
SLOWEST = 0.05  # body heights per second: below it all speeds are one


def reference(clips: Iterable[Clip]) -> dict[str, np.ndarray]:
    """``reference.<scene>`` (M, 3): feet x and y in frame heights and log speed of normal objects."""
    found: dict[str, list[np.ndarray]] = {}
    for clip in clips:
        table = detection.objects_of(clip)
        found.setdefault(clip.scene, []).append(np.column_stack([feet(table, clip.size), log_speed(table)]))
    every = {scene: np.concatenate(parts) for scene, parts in found.items()}
    return {
        f"reference.{scene}": own[:: -(-len(own) // KEPT)].astype(np.float32)
        for scene, own in every.items()
        if len(own) >= SPEEDS
    }


def measured(table: pd.DataFrame, scene: str, size: tuple[int, int], state: dict[str, np.ndarray]) -> np.ndarray:
    """(N, 8) float32 ``MEASURES`` of the objects in ``table``; place and relative speed NaN in an unknown scene.

    Args:
        table: see ``vad.perception.detection``; size: stored (width, height) in pixels; state: see :func:`reference`.
    """
    if table.empty:
        return np.zeros((0, len(MEASURES)), np.float32)
    typical = ((table["y2"] - table["y1"]) / size[1] / table["height"]).to_numpy()
    speed = log_speed(table)
    place = relative = np.full(len(table), np.nan)
    if (known := state.get(f"reference.{scene}")) is not None:
        distance, usual = _neighbours(feet(table, size), known)
        place, relative = np.log(distance / typical + 0.02), speed - usual
    height, width, area = (np.log(np.maximum(table[name], 0.02)).to_numpy() for name in ("height", "width", "area"))
    form = [height, width, area, height - width, area - height - width]
    return np.column_stack([speed, relative, *form, place]).astype(np.float32)


def feet(table: pd.DataFrame, size: tuple[int, int]) -> np.ndarray:
    """(N, 2) x of the centre and y of the feet, in frame heights."""
    return np.column_stack([(table["x1"] + table["x2"]) / 2, table["y2"]]) / size[1]


def log_speed(table: pd.DataFrame) -> np.ndarray:
    """(N,) natural logarithm of the speed in body heights per second."""
    return np.log(np.maximum(table["speed"].to_numpy(np.float64), SLOWEST))


def _neighbours(points: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) mean distance to the nearest places, and how fast the fast ones are of those who move around there.

    Those at rest do not count: where people sit, whoever walks by would be the faster the more of them sit. NaN where
    too few move.
    """
    distances, _ = KDTree(known[:, :2]).query(points, PLACES)
    moving = known[known[:, 2] > np.log(MOVING)]
    if len(moving) < SPEEDS:
        return distances.mean(axis=1), np.full(len(points), np.nan)
    _, near = KDTree(moving[:, :2]).query(points, SPEEDS)
    return distances.mean(axis=1), np.quantile(moving[near, 2], SPEED_QUANTILE, axis=1)
