r"""Jinja2 for LaTeX: ``\BLOCK{...}``, ``\VAR{...}``, ``\#{...}`` and, at a line's start, ``%%``.

Whatever a template prints is escaped; what is LaTeX already says so by being :class:`Tex`.
"""

from collections.abc import Callable
from pathlib import Path

import jinja2

from vad.pipeline import naming

NONE = "--"  # a number that is not known


class Tex(str):
    """Text that is LaTeX already."""

    __slots__ = ()


def escape(value: object) -> Tex:
    """``value`` as text in LaTeX (``vad.pipeline.naming``). None is a dash."""
    return value if isinstance(value, Tex) else Tex(naming.latex(NONE if value is None else str(value)))


def path(value: object) -> Tex:
    """A relative path inside ``\\href``."""
    return Tex(naming.url(str(value)))


def number(value: float | None, digits: int = 3) -> Tex:
    """A rounded number, or a dash."""
    return Tex(NONE if value is None else f"{value:.{digits}f}".replace("-", r"$-$"))


def signed(value: float | None, digits: int = 3) -> Tex:
    """A rounded difference with its sign, or a dash."""
    return Tex(NONE if value is None else f"${value:+.{digits}f}$")


def count(value: float | None) -> Tex:
    """A whole number with thin spaces between its thousands, or a dash."""
    return Tex(NONE if value is None else f"{round(value):,}".replace(",", r"\,"))


def percent(value: float | None, digits: int = 1) -> Tex:
    """A fraction as per cent, or a dash."""
    return Tex(NONE if value is None else rf"{100 * value:.{digits}f}\,\%")


def interval(values: dict, key: str, digits: int = 3) -> Tex:
    """``values[key]`` with its interval ``key_low``, ``key_high`` in small print where there is one."""
    low, high = values.get(f"{key}_low"), values.get(f"{key}_high")
    text = number(values.get(key), digits)
    return text if low is None or high is None else Tex(rf"{text} {{\scriptsize[{low:.{digits}f}, {high:.{digits}f}]}}")


def listing(words: list[object], last: str = "and") -> Tex:
    """Words as "a, b and c"."""
    texts = [escape(word) for word in words]
    return Tex(f" {last} ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part))


FILTERS: dict[str, Callable] = {
    "number": number, "signed": signed, "count": count, "percent": percent, "interval": interval, "listing": listing,
    "path": path, "tex": Tex,
}  # fmt: skip


def environment(folder: Path) -> jinja2.Environment:
    """The templates below ``folder``. A name that a template uses and nobody gave is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        block_start_string=r"\BLOCK{",
        block_end_string="}",
        variable_start_string=r"\VAR{",
        variable_end_string="}",
        comment_start_string=r"\#{",
        comment_end_string="}",
        line_statement_prefix="%%",
        keep_trailing_newline=True,
        autoescape=False,
        finalize=escape,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(FILTERS)
    return made
