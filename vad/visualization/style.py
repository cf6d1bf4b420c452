"""The look of every figure: quiet, readable at print size, safe for colour-blind readers; and the same bytes each time.

Colours are Okabe and Ito's (2008).
"""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import matplotlib
import numpy as np
from PIL import Image

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from vad.pipeline import naming

_set_text = Text.set_text

NORMAL = "#56789a"
ABNORMAL = "#d55e00"
MAIN = "#0072b2"
SECOND = "#009e73"
QUIET = "#c9ced3"
SHADE = "#e4e7ea"  # behind what is labelled abnormal
INK = "#333333"
SERIES = [MAIN, ABNORMAL, SECOND, "#cc79a7", "#e69f00"]

WIDTH = 6.35  # inches: the text width of the report
NARROWEST = 3.2  # inches: room for a legend
RC = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.5,
    "axes.edgecolor": "#777777",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": "#777777",
    "ytick.color": "#777777",
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.0,
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's defaults, changed by the settings above and by nothing in the user's own matplotlibrc.

    Every text of a figure passes through ``vad.pipeline.naming``: names of clips and events may hold anything.
    """
    with plt.style.context(["default", RC]), patch.object(Text, "set_text", _set_safe_text):
        yield


def _set_safe_text(text: Text, content: object) -> None:
    _set_text(text, content if content is None else naming.matplotlib(str(content)))


def grid(
    count: int,
    columns: int,
    cell: tuple[float, float],
    gap: tuple[float, float],
    margin: tuple[float, float, float, float],
    **options: Any,
) -> tuple[Figure, list[plt.Axes]]:
    """A figure as wide as the text with ``count`` axes in rows of ``columns``, placed by inches.

    A layout that is computed would cost more than the drawing.

    Args:
        columns: fewer are used where there are fewer axes, as wide as ever and in the middle.
        cell: (width or 0 for what is left, height) of one axes.
        gap: between axes across and down; margin: left, right, top, bottom.
        options: for ``subplots``.
    """
    left, right, top, bottom = margin
    rows = -(-count // columns)
    width = cell[0] or (WIDTH - left - right - gap[0] * (columns - 1)) / columns
    used = min(columns, count)
    spare = max(0.0, NARROWEST - left - right - used * width - (used - 1) * gap[0]) / 2
    left, right = left + spare, right + spare
    size = (left + right + used * width + (used - 1) * gap[0], top + bottom + rows * cell[1] + (rows - 1) * gap[1])
    figure, axes = plt.subplots(rows, used, figsize=size, squeeze=False, **options)
    figure.subplots_adjust(
        left=left / size[0], right=1 - right / size[0], top=1 - top / size[1], bottom=bottom / size[1],
        wspace=gap[0] / width, hspace=gap[1] / cell[1],
    )  # fmt: skip
    flat = list(axes.ravel())
    for empty in flat[count:]:
        empty.remove()
    for axis in flat[max(0, count - used) : count]:  # those with nothing below carry the shared labels
        axis.xaxis.set_tick_params(labelbottom=True)
    return figure, flat[:count]


def legend(figure: Figure, axes: Sequence[plt.Axes]) -> None:
    """One legend for all ``axes``, above them to the right, each label once."""
    handles: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(list(handles.values()), list(handles), loc="upper right", ncols=len(handles))


def save(figure: Figure, path: Path, dpi: int, vector: bool = False) -> None:
    """Write ``path``.png for the screen and, where ``vector``, ``path``.pdf for print; without dates or versions."""
    figure.set_dpi(dpi)
    figure.canvas.draw()
    # Without matplotlib's alpha channel, which TeX would have to split off.
    picture = Image.fromarray(np.asarray(cast(FigureCanvasAgg, figure.canvas).buffer_rgba())[..., :3])
    picture.save(path.with_name(f"{path.name}.png"), dpi=(dpi, dpi))
    if vector:
        nothing = dict.fromkeys(["CreationDate", "ModDate", "Producer", "Creator"])
        figure.savefig(path.with_name(f"{path.name}.pdf"), metadata=nothing)
    plt.close(figure)


def note(text: str, path: Path) -> None:
    """A one-page PDF that says ``text``."""
    with style():
        figure = plt.figure(figsize=(8.27, 11.69))
        figure.text(0.1, 0.9, textwrap.fill(text, 80), va="top", fontsize=10)
        save(figure, path.with_suffix(""), dpi=72, vector=True)
        path.with_suffix(".png").unlink()
