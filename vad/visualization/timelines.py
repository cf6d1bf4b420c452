"""Score over time, clip by clip: ground truth shaded, threshold, peaks marked."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from vad.data.intervals import stretches
from vad.detectors.titles import title
from vad.visualization.peaks import peaks
from vad.visualization.style import INK, SERIES, SHADE, grid, legend, save


def pages(table: pd.DataFrame, detectors: list[str], fps: dict[str, float], per_page: int) -> list[list[str]]:
    """The clips of ``table`` in name order, ``per_page`` to a page."""
    clips = sorted(table.loc[table["detector"].isin(detectors), "clip"].unique())
    clips = [clip for clip in clips if clip in fps]
    return [clips[start : start + per_page] for start in range(0, len(clips), per_page)]


def page(
    table: pd.DataFrame,
    clips: list[str],
    detectors: list[str],
    fps: dict[str, float],
    distance: float,
    path: Path,
    dpi: int,
) -> None:
    """One figure with a timeline per clip.

    Args:
        table: test frames with ``shown``, ``level``, ``alarm`` (``vad.visualization.scale``).
        detectors: one line each; the peaks of the first one are marked.
        fps: frames per second by clip; the time axis is in seconds.
        distance: least seconds between two marked peaks.
    """
    table = table[table["detector"].isin(detectors)]
    columns = 2 if len(clips) > 1 else 1
    figure, axes = grid(len(clips), columns, (0, 0.52), (0.15, 0.34), (0.42, 0.1, 0.45, 0.4), sharey=True)
    top = float(table["shown"].quantile(0.998)) * 1.08
    bottom = float(table["shown"].quantile(0.002)) - 0.2
    groups = dict(tuple(table.groupby(["clip", "detector"])))
    for axis, clip in zip(axes, clips, strict=True):
        for detector, colour in zip(detectors, SERIES, strict=False):
            if (clip, detector) in groups:
                own = groups[clip, detector].sort_values("frame")
                _line(axis, own, fps[clip], title(detector), colour, distance if detector == detectors[0] else None)
        axis.set_title(clip)
        axis.set_ylim(min(bottom, -0.3), max(top, 1.3))
        axis.margins(x=0)
    figure.supxlabel("seconds", fontsize=7.5)
    figure.supylabel("score, decimal log odds", fontsize=7.5, x=0.004)
    legend(figure, axes)
    save(figure, path, dpi, vector=True)


def _line(axis: Axes, rows: pd.DataFrame, fps: float, name: str, colour: str, distance: float | None) -> None:
    frames = rows["frame"].to_numpy()
    seconds, values = frames / fps, rows["shown"].to_numpy()
    step = (seconds[-1] - seconds[0]) / max(1, len(seconds) - 1)
    first = distance is not None
    axis.plot(seconds, values, color=colour, linewidth=1.1 if first else 0.7, alpha=1 if first else 0.7, label=name)
    if distance is None:
        return
    for start, end in stretches(rows["label"].to_numpy()):
        axis.axvspan(seconds[start], seconds[end - 1] + step, color=SHADE, linewidth=0, label="abnormal")
    level = rows["level"].median()
    if np.isfinite(level):
        axis.axhline(level, color=INK, linewidth=0.6, linestyle=(0, (3, 2)), label="threshold")
    top = peaks(values, frames, level, distance * fps)
    axis.plot(seconds[top], values[top], "v", color=INK, markersize=2.5, linestyle="none", clip_on=False, label="peak")
