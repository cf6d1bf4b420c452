"""Figures over all test frames: score distributions, ROC and precision-recall per detector, AUC by event type."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydantic
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from vad.detectors.titles import ordered, title
from vad.evaluation.curves import kernel_density, precision_recall_points, roc_points
from vad.pipeline.params import Section
from vad.visualization.style import ABNORMAL, INK, MAIN, NORMAL, QUIET, WIDTH, grid, legend, plt, save

KDE_FRAMES = 1500  # frames per class that a density is estimated from
BINS = 25  # of the histograms


class Params(Section):
    """Section ``pictures``."""

    dpi: int = pydantic.Field(ge=50, le=600)
    timeline: list[str] = pydantic.Field(min_length=1, max_length=4)
    clips_per_page: int = pydantic.Field(ge=1, le=40)
    peak_distance: float = pydantic.Field(gt=0, le=3600)
    examples: int = pydantic.Field(ge=1, le=6)
    opacity: float = pydantic.Field(ge=0, le=1)
    box_quantile: float = pydantic.Field(gt=0, lt=1)


def distributions(table: pd.DataFrame, path: Path, dpi: int) -> None:
    """Histogram and kernel density of the smoothed score by class, one small panel per detector, on one scale.

    Args:
        table: the test frames with ``shown`` and ``level`` (``vad.visualization.scale``).
    """
    names = ordered(table["detector"])
    figure, axes = grid(len(names), 5, (0, 0.6), (0.15, 0.28), (0.1, 0.1, 0.45, 0.4), sharex=True)
    low, high = np.quantile(table["shown"], [0.002, 0.995])
    low, high = min(low, -1.3) - 0.2, max(high, 1.3) + 0.2
    places, bins = np.linspace(low, high, 160), np.linspace(low, high, BINS + 1).tolist()
    for axis, name in zip(axes, names, strict=True):
        rows = table[table["detector"] == name]
        for label, colour in ((0, NORMAL), (1, ABNORMAL)):
            values = rows.loc[rows["label"] == label, "shown"].to_numpy()
            # One outline: a patch per bin takes ten times as long to draw.
            style: dict[str, Any] = {"histtype": "stepfilled", "color": colour, "alpha": 0.3}
            axis.hist(np.clip(values, low, high), bins, density=len(values) > 0, **style)
            axis.plot(places, _density(values, places), color=colour, label=("normal", "abnormal")[label])
        if np.isfinite(level := rows["level"].median()) and level < high:
            axis.axvline(level, color=INK, linewidth=0.7, linestyle=(0, (3, 2)), label="threshold")
        axis.set_title(title(name))
        axis.set_xlim(low, high)
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
    figure.supxlabel("score, decimal log odds", fontsize=7.5)
    legend(figure, axes)
    save(figure, path, dpi, vector=True)


def _density(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    values = values[:: max(1, len(values) // KDE_FRAMES)]
    return kernel_density(values, places) if len(values) > 1 and np.ptp(values) else np.zeros_like(places)


def roc(table: pd.DataFrame, metrics: dict[str, dict], path: Path, dpi: int) -> None:
    """The ROC curve of each detector, the others in gray behind it; AUC with its interval from ``metrics``.

    Nothing is drawn of a detector whose frames are all of one class, and no file is written where none is left.
    """
    _curves(table, metrics, "roc_auc", roc_points, ("false-positive rate", "true-positive rate"), path, dpi)


def precision_recall(table: pd.DataFrame, metrics: dict[str, dict], path: Path, dpi: int) -> None:
    """The precision-recall curve of each detector, as :func:`roc`; average precision from ``metrics``."""
    _curves(table, metrics, "average_precision", precision_recall_points, ("recall", "precision"), path, dpi)


def _curves(table, metrics, key, points, axis_names, path: Path, dpi: int) -> None:
    classes = table.groupby("detector")["label"].nunique()
    names = ordered(classes.index[classes == 2])
    if not names:
        return
    rows = dict(tuple(table[table["detector"].isin(names)].groupby("detector")))
    lines = {name: points(rows[name]["shown"].to_numpy(), rows[name]["label"].to_numpy()).to_numpy() for name in names}
    side = (WIDTH - 1.1) / 5
    figure, axes = grid(len(names), 5, (side, side), (0.12, 0.3), (0.5, 0.1, 0.25, 0.4), sharex=True, sharey=True)
    for axis, name in zip(axes, names, strict=True):
        axis.add_collection(LineCollection(list(lines.values()), colors=QUIET, linewidths=0.4))
        axis.plot(*lines[name].T, color=MAIN, linewidth=1.3)
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axis.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        axis.set_title(title(name))
        value = metrics.get(name, {}).get(key)
        if value is not None:
            axis.text(0.97, 0.06, f"{value:.3f}", ha="right", fontweight="bold", color=MAIN)
        if key == "roc_auc":
            axis.plot([0, 1], [0, 1], color=QUIET, linewidth=0.5, linestyle=":")
        else:
            axis.axhline(rows[name]["label"].mean(), color=QUIET, linewidth=0.5, linestyle=":")
    figure.supxlabel(axis_names[0], fontsize=7.5)
    figure.supylabel(axis_names[1], fontsize=7.5, x=figure.subplotpars.left - 0.42 / figure.get_size_inches()[0])
    save(figure, path, dpi, vector=True)


def events(metrics: dict[str, dict], path: Path, dpi: int) -> bool:
    """AUC of each event type against all normal frames, detectors by types, as a table of shades.

    Returns:
        whether there was anything to draw.
    """
    names = [name for name in ordered(metrics) if metrics[name].get("by_event")]
    types = sorted({kind for name in names for kind in metrics[name]["by_event"]})
    if not names or not types:
        return False
    values = np.array([[_number(metrics[name]["by_event"].get(kind)) for kind in types] for name in names])
    figure, axis = plt.subplots(figsize=(WIDTH, 0.55 + 0.19 * len(names)))
    figure.subplots_adjust(
        left=1.1 / WIDTH, right=1 - 0.3 / WIDTH, top=1 - 0.5 / (0.55 + 0.19 * len(names)), bottom=0.01
    )
    axis.imshow(values, cmap="cividis", vmin=0.4, vmax=1, aspect="auto")
    for row, column in np.ndindex(values.shape):
        _cell(axis, column, row, float(values[row, column]))
    axis.set_xticks(range(len(types)), [kind.replace("_", " ") for kind in types], rotation=20, ha="left")
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(names)), [title(name) for name in names])
    axis.tick_params(length=0, colors=INK, labelsize=7)
    for spine in axis.spines.values():
        spine.set_visible(False)
    save(figure, path, dpi, vector=True)
    return True


def _cell(axis: Axes, x: int, y: int, value: float) -> None:
    if np.isfinite(value):
        axis.text(x, y, f"{value:.2f}", ha="center", va="center", color="white" if value < 0.7 else "black", fontsize=7)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
