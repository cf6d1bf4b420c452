"""Abnormal stretches of a clip, whatever file they were read from."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Intervals:
    """Abnormal stretches (first, last), 0-based and inclusive, and the file that they were read from."""

    file: Path
    spans: tuple[tuple[int, int], ...]
