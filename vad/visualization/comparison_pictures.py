"""The matrix "A beats B with probability p", drawn; and the agreement of detectors where nothing is labelled."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vad.detectors.titles import title
from vad.visualization.style import INK, WIDTH, plt, save

FONT = 6


def beats(comparison: dict, path: Path, dpi: int) -> None:
    """How often each row's AUC is above the column's in resamples of clips; bold where that is more than chance.

    Args:
        comparison: of ``vad.evaluation.comparison.compare``; nothing is drawn of fewer than two detectors.
    """
    names = comparison.get("detectors", [])
    if len(names) > 1:
        certain = np.array(comparison["adjusted_p"], dtype=float) <= 1 - comparison["confidence"]
        _matrix(names, np.array(comparison["beats"], dtype=float), certain, (0, 1), path, dpi)


def agreement(found: dict, path: Path, dpi: int) -> None:
    """Rank correlation of every pair of detectors; as :func:`beats`, of ``vad.evaluation.agreement.agreement``."""
    names = found.get("detectors", [])
    if len(names) > 1:
        values = np.array(found["rank_correlation"], dtype=float)
        _matrix(names, values, np.zeros(values.shape, dtype=bool), (-1, 1), path, dpi)


def _matrix(
    names: Sequence[str], values: np.ndarray, bold: np.ndarray, limits: tuple[float, float], path: Path, dpi: int
) -> None:
    height = 0.95 + 0.19 * len(names)
    figure, axis = plt.subplots(figsize=(WIDTH, height))
    figure.subplots_adjust(left=1.1 / WIDTH, right=1 - 0.55 / WIDTH, top=1 - 0.9 / height, bottom=0.01)
    shown = np.where(np.eye(len(names), dtype=bool), np.nan, values)
    axis.imshow(shown, cmap="cividis", vmin=limits[0], vmax=limits[1], aspect="auto")
    middle = sum(limits) / 2
    for row, column in zip(*np.nonzero(np.isfinite(shown)), strict=True):
        colour = "white" if shown[row, column] < middle else "black"
        weight = "bold" if bold[row, column] else "normal"
        text = f"{shown[row, column]:.2f}"
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=FONT, fontweight=weight)
    axis.set_xticks(range(len(names)), [title(name) for name in names], rotation=35, ha="left")
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(names)), [title(name) for name in names])
    axis.tick_params(length=0, colors=INK, labelsize=FONT + 0.5)
    for spine in axis.spines.values():
        spine.set_visible(False)
    save(figure, path, dpi, vector=True)
