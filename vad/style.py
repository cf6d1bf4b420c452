"""The look of every figure: quiet, readable at print size, safe for colour-blind readers; and the same bytes each time.

Colours are Okabe and Ito's (2008).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

NORMAL = "#56789a"
ABNORMAL = "#d55e00"
MAIN = "#0072b2"
SECOND = "#009e73"
QUIET = "#c9ced3"
INK = "#333333"
SERIES = [MAIN, ABNORMAL, SECOND, "#cc79a7", "#e69f00"]

WIDTH = 6.6  # inches: the text width of the report
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
    """Matplotlib's defaults, changed by the settings above and by nothing in the user's own matplotlibrc."""
    with plt.style.context(["default", RC]):
        yield


def grid(count: int, columns: int, cell: tuple[float, float], **options: object) -> tuple[Figure, list[plt.Axes]]:
    """A figure with ``count`` axes, each ``cell`` (width, height) inches, in rows of ``columns`` (or of fewer)."""
    columns = min(columns, count)
    rows = -(-count // columns)
    size = (cell[0] * columns, cell[1] * rows + 0.35)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained", **options)
    flat = list(axes.ravel())
    for empty in flat[count:]:
        empty.remove()
    for axis in flat[max(0, count - columns) : count]:  # those with nothing below carry the shared labels
        axis.xaxis.set_tick_params(labelbottom=True)
    return figure, flat[:count]


def save(figure: Figure, path: Path, dpi: int, vector: bool = False) -> None:
    """Write ``path``.png for the screen and, where ``vector``, ``path``.pdf for print; without dates or versions."""
    targets = {".png": {"Software": None}}
    if vector:
        targets[".pdf"] = {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None}
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once for both
    for suffix, metadata in targets.items():
        figure.savefig(path.with_name(path.name + suffix), dpi=dpi, metadata=metadata)
    plt.close(figure)


def note(text: str, path: Path) -> None:
    """A one-page PDF that says ``text``."""
    with style():
        figure = plt.figure(figsize=(8.27, 11.69))
        figure.text(0.1, 0.9, text, wrap=True, va="top", fontsize=10)
        save(figure, path.with_suffix(""), dpi=72, vector=True)
        path.with_suffix(".png").unlink()
