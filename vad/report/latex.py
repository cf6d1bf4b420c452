r"""Jinja2 for LaTeX: ``\BLOCK{...}``, ``\VAR{...}``, ``\#{...}`` and, at a line's start, ``%%``.

Whatever a template prints is escaped; what is LaTeX already says so by being :class:`Tex`.
"""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import jinja2

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_\allowbreak{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "/": r"/\allowbreak{}",
    "\u2013": "--",
    "\u2014": "---",
    "\u2018": "`",
    "\u2019": "'",
    "\u201c": "``",
    "\u201d": "''",
    "\u2026": r"\dots{}",
    "\u00d7": r"\(\times\)",
    "\u2264": r"\(\leq\)",
    "\u2265": r"\(\geq\)",
    "\u2192": r"\(\to\)",
    "\u00b7": r"\(\cdot\)",
    "\u00b5": r"\(\mu\)",
    "\u00b2": r"\(^2\)",
    "\u00b0": r"\(^\circ\)",
    "\u00b1": r"\(\pm\)",
}
NONE = "--"  # a number that is not known


class Tex(str):
    """Text that is LaTeX already."""

    __slots__ = ()


def escape(value: object) -> Tex:
    """``value`` as text in LaTeX; a character that the fonts lack is named by its code point. None is a dash."""
    if isinstance(value, Tex):
        return value
    return Tex(
        "".join(_character(char) for char in unicodedata.normalize("NFC", NONE if value is None else str(value)))
    )


def _character(char: str) -> str:
    if char in SPECIAL:
        return SPECIAL[char]
    if char.isspace():
        return " "
    if char.isascii():
        return char if char.isprintable() else ""
    if char.isalpha() and ord(char) < 0x180:  # Latin-1 and Latin Extended-A: what the T1 fonts hold
        return char
    return rf"\texttt{{U+{ord(char):04X}}}"


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
    "tex": Tex,
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
