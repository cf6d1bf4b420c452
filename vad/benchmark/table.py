"""A benchmark's figures, the bars that they are judged by, and the table of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Bar:
    """What a figure must reach (``>=``) or may not exceed (``<=``).

    Attributes:
        of: whether the figure itself is judged or its ratio to the row that it is compared with.
    """

    sense: Literal[">=", "<="]
    limit: float
    of: Literal["figure", "ratio"]

    @classmethod
    def parse(cls, text: str) -> "Bar":
        """From what a detector declares: "ratio >= 0.6" or "figure <= 20"."""
        of, sense, limit = text.split()
        if of not in ("figure", "ratio") or sense not in (">=", "<="):
            raise ValueError(f"a bar is 'figure' or 'ratio', '>=' or '<=' and a number, not '{text}'")
        return cls(sense, float(limit), of)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.sense} {self.limit:g}"

    def met(self, value: float) -> bool:
        """Whether ``value`` keeps the bar; the limit itself does."""
        return value >= self.limit if self.sense == ">=" else value <= self.limit


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        value: in ``unit``; None where it could not be measured, and ``remark`` says why.
        ratio: to the row that it is compared with; None where it is compared with none.
    """

    name: str
    value: float | None
    unit: str
    ratio: float | None = None
    bar: Bar | None = None
    remark: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None without a bar or without what it judges."""
        judged = self.ratio if self.bar is not None and self.bar.of == "ratio" else self.value
        return None if self.bar is None or judged is None else self.bar.met(judged)


def absent(name: str, reason: str, bar: Bar | None = None) -> Figure:
    """The row of something that could not be measured."""
    return Figure(name, None, "", bar=bar, remark=f"absent: {reason}")


HEADER = ("", "figure", "unit", "ratio", "bar", "met", "remark")


def table(figures: Sequence[Figure]) -> str:
    """The figures as aligned text, each bar beside its figure and whether it is met."""
    rows = [HEADER, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return "\n".join(_line(row, widths) for row in rows)


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        "-" if figure.value is None else f"{figure.value:.1f}",
        figure.unit,
        "" if figure.ratio is None else f"{figure.ratio:.3f}",
        "" if figure.bar is None else f"{figure.bar.of} {figure.bar}",
        {None: "", True: "yes", False: "NO"}[figure.met],
        figure.remark,
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Figure and ratio to the right, everything else to the left."""
    aligned = [
        cell.rjust(width) if place in (1, 3) else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()


def values(figures: Sequence[Figure]) -> dict[str, dict]:
    """Row name -> its figure, unit, ratio, bar, whether it is met, and remark, for JSON."""
    return {
        figure.name: {
            "figure": figure.value,
            "unit": figure.unit,
            "ratio": figure.ratio,
            "bar": None if figure.bar is None else f"{figure.bar.of} {figure.bar}",
            "met": figure.met,
            "remark": figure.remark,
        }
        for figure in figures
    }
