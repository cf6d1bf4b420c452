"""What a detector whose frame score is its map's maximum says of normal and of abnormal frames: histogram and violins.

A box is drawn where the map exceeds a level: a quantile of that maximum over held-out normal video, on which one frame
in so many shows a box by chance. No label and no test frame has a say in it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vad.evaluation.curves import kernel_density
from vad.visualization.style import ABNORMAL, INK, NORMAL, QUIET, grid, legend, save

BINS = 40
GROUPS = {"held-out normal": ("calibration", 0), "normal": ("test", 0), "abnormal": ("test", 1)}
COLOURS = (QUIET, NORMAL, ABNORMAL)
MOST = 1500  # frames of a group that a density is estimated from


def level(rows: pd.DataFrame, quantile: float) -> float:
    """The map's value above which a box is drawn; NaN where no normal video was held out.

    Args:
        rows: one detector's scores: role, score.
    """
    normal = rows.loc[rows["role"] == "calibration", "score"].to_numpy(np.float64)
    return float(np.quantile(normal, quantile)) if len(normal) else float("nan")


def groups(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """The scores of held-out normal video and of normal and abnormal test frames; empty ones are left out."""
    found = {
        name: rows.loc[(rows["role"] == role) & (rows["label"] == label), "score"].to_numpy(np.float64)
        for name, (role, label) in GROUPS.items()
    }
    return {name: values for name, values in found.items() if len(values)}


def draw(rows: pd.DataFrame, quantile: float, path: Path, dpi: int) -> bool:
    """Write the picture: on the left a histogram of each group, on the right its violin with quartiles; both the level.

    Args:
        rows: one detector's scores: role, label, score.

    Returns:
        whether there was a test frame to draw.
    """
    found = groups(rows)
    if not (rows["role"] == "test").any():
        return False
    every = np.concatenate(list(found.values()))
    low, high = float(every.min()), max(float(np.quantile(every, 0.999)), float(every.min()) + 1e-6)
    figure, (left, right) = grid(2, 2, (0, 1.6), (0.5, 0), (0.42, 0.1, 0.4, 0.4))
    for place, (name, values) in enumerate(found.items()):
        colour = COLOURS[list(GROUPS).index(name)]
        edges = np.linspace(low, high, BINS + 1).tolist()
        left.hist(np.clip(values, low, high), edges, density=True, histtype="step", color=colour, label=name)
        _violin(right, values, place, colour, np.linspace(low, high, 200))
    if np.isfinite(limit := level(rows, quantile)):
        dashed: dict[str, Any] = {"color": INK, "linewidth": 0.7, "linestyle": (0, (3, 2))}
        left.axvline(limit, label="level of the boxes", **dashed)
        right.axhline(limit, **dashed)
    left.set(xlabel="largest value of the map", ylabel="density")
    right.set(ylabel="largest value of the map", ylim=(low, high))
    right.set_xticks(range(len(found)), list(found))
    legend(figure, [left])
    save(figure, path, dpi, vector=True)
    return True


def _violin(axis, values: np.ndarray, place: int, colour: str, places: np.ndarray) -> None:
    """Mirrored density of ``values`` at ``place``, with median and quartiles."""
    some = values[:: max(1, len(values) // MOST)]
    if len(some) > 1 and np.ptp(some):
        width = kernel_density(some, places)
        width = 0.42 * width / width.max()
        axis.fill_betweenx(places, place - width, place + width, color=colour, alpha=0.5, linewidth=0)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    axis.plot([place, place], [low, high], color=INK, linewidth=1.2)
    axis.plot([place], [middle], "o", color=INK, markersize=2.5)
