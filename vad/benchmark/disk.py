"""What a run's data takes on disk, by part and by the frames that it grows with, and what it would take of more."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vad.pipeline import artifacts
from vad.pipeline.errors import UserError

# What each part grows with; what is not named grows with the scenes, or not at all.
STORED, TEST, SCORED = "stored frame", "test frame", "scored frame"
PARTS = {
    "frames": STORED,
    "frames.parquet": STORED,
    "sample.parquet": STORED,
    "masks": TEST,
    "maps": TEST,
    "objects": SCORED,
    "linked_tracks.parquet": SCORED,
    "embeddings.npz": SCORED,
    "scores": SCORED,
    "fused.parquet": SCORED,
    "zeroshot": SCORED,
}
SCENES = ("models", "scenes", "bundle")


@dataclass(frozen=True)
class Amount:
    """How much data: stored frames, test frames, scored ones (test and calibration), scenes."""

    stored: int
    test: int
    scored: int
    scenes: int

    @classmethod
    def of(cls, data: Path) -> "Amount":
        """That of the run in ``data``.

        Raises:
            UserError: nothing was run there.
        """
        if not (data / "sample.parquet").exists():
            raise UserError(f"{data} holds no run: run 'dvc repro', or give another --data")
        index, roles = artifacts.load_table(data / "frames.parquet"), _roles(data)
        return cls(len(index), roles["test"], roles["test"] + roles["calibration"], index["scene"].nunique())

    def count(self, kind: str) -> int:
        """How many of ``kind``."""
        return {STORED: self.stored, TEST: self.test, SCORED: self.scored}.get(kind, self.scenes)


def _roles(data: Path) -> dict[str, int]:
    counted: pd.Series = artifacts.load_table(data / "sample.parquet")["role"].value_counts()
    return {role: int(counted.get(role, 0)) for role in ("test", "calibration")}


@dataclass(frozen=True)
class Part:
    """One part: its size now, the kind of thing it grows with, and its size for the wanted amount, in bytes."""

    name: str
    kind: str
    size: int
    each: float
    wanted: float


def parts(data: Path, wanted: Amount) -> list[Part]:
    """Every part of ``data`` that grows, largest first when there is so much as ``wanted``."""
    have, found = Amount.of(data), []
    for name, kind in [*PARTS.items(), *((name, "scene") for name in SCENES)]:
        if (data / name).exists():
            size = _size(data / name)
            each = size / max(have.count(kind), 1)
            found.append(Part(name, kind, size, each, each * wanted.count(kind)))
    return sorted(found, key=lambda part: -part.wanted)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def table(found: Sequence[Part]) -> str:
    """The parts as a Markdown table."""
    lines = ["| part of data/ | MiB here | KiB each | grows with | GiB then |", "| --- | ---: | ---: | --- | ---: |"]
    for part in found:
        now, each, then = part.size / 2**20, part.each / 2**10, part.wanted / 2**30
        lines.append(f"| {part.name} | {now:.1f} | {each:.2f} | {part.kind} | {then:.2f} |")
    lines.append(
        f"| together | {sum(part.size for part in found) / 2**20:.1f} | | | "
        f"{sum(part.wanted for part in found) / 2**30:.1f} |"
    )
    return "\n".join(lines)
