"""What a detector may be fitted on and what it may then score: its plan, from the sample, the protocol and the data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
import pandas as pd

from vad.data.frames import Clip, FrameStore
from vad.pipeline import artifacts, params
from vad.protocol.declaration import SWITCHED_OFF, Declaration
from vad.protocol.folds import Fold, folds, select

SAMPLE = Path("data/sample.parquet")


def why_not(declared: Declaration, store: FrameStore) -> str | None:
    """Why a detector does not run on this data, in a few words; None when it does."""
    if not params.switches().get(declared.name, False):
        return SWITCHED_OFF
    if not declared.needs_pixels:
        return None if len(store.linked_tracks) else "the data set has no person tracks"
    return None if store.has_pixels else "the data set has no pixels, only tracks"


class Clips(Sequence[Clip]):
    """Clips that are given what a detector reads of them when they are asked for, each time anew.

    What tables and arrays they bring is thus in memory one clip at a time, however many there are.

    Attributes:
        bare: the clips without it.
    """

    def __init__(self, bare: Sequence[Clip], fill: Callable[[Clip], Clip]) -> None:
        self.bare, self._fill = list(bare), fill

    def __len__(self) -> int:
        return len(self.bare)

    @overload
    def __getitem__(self, at: int) -> Clip: ...
    @overload
    def __getitem__(self, at: slice) -> "Clips": ...
    def __getitem__(self, at: int | slice) -> "Clip | Clips":
        return Clips(self.bare[at], self._fill) if isinstance(at, slice) else self._fill(self.bare[at])


@dataclass(frozen=True)
class Plan:
    """One detector on this data: its folds, and the clips behind their rows.

    Attributes:
        seed: of its random choices; protocol: under which it is fitted.
    """

    declared: Declaration
    store: FrameStore
    sample: pd.DataFrame
    seed: int
    protocol: params.Protocol

    @classmethod
    def of(cls, declared: Declaration, store: FrameStore | None = None) -> "Plan":
        """From ``data/sample.parquet`` and params.yaml."""
        common = params.common()
        return cls(declared, store or FrameStore(), artifacts.load_table(SAMPLE), common.seed, common.protocol)

    @cached_property
    def folds(self) -> list[Fold]:
        """Its fits, see ``vad.protocol.folds.folds``."""
        return folds(self.sample, self.declared.role, self.declared.labelled, self.protocol)

    @property
    def frames(self) -> int:
        """Frames that all fits together are permitted to see."""
        return sum(len(fold.fit) for fold in self.folds)

    def why_not(self) -> str | None:
        """Why the detector stands aside, in a few words; None when it runs."""
        if reason := why_not(self.declared, self.store):
            return reason
        if not self.declared.needs_pixels:
            return None
        for fold in self.folds:
            for rows, use in ((fold.fit, "be fitted on"), (fold.calibration, "be compared with")):
                if len(rows) and not rows["clip"].isin(self.store.with_pixels).any():
                    return f"none of the clips to {use} has pixels"
        return None

    def labelled(self, rows: pd.DataFrame) -> Clips:
        """As :meth:`clips`, with the labels that ``rows`` give their frames: those of the role, not of the data set."""
        labels = {clip: own.sort_values("frame")["label"].to_numpy(np.int8) for clip, own in rows.groupby("clip")}
        return Clips([replace(clip, labels=labels[clip.name]) for clip in self._bare(rows)], self._filled)

    def clips(self, rows: pd.DataFrame) -> Clips:
        """The clips that ``rows`` name, restricted to those frames, each with what the detector declares to read."""
        return Clips(self._bare(rows), self._filled)

    def _bare(self, rows: pd.DataFrame) -> list[Clip]:
        return select(self.store, rows, pixels=self.declared.needs_pixels)

    def _filled(self, clip: Clip) -> Clip:
        if "tracks" in self.declared.reads:
            (clip,) = self.store.with_tracks([clip])
        if "objects" in self.declared.reads:
            from vad.perception.detection import with_objects

            (clip,) = with_objects([clip], self.store.folder / "objects")
        if "embeddings" in self.declared.reads:
            from vad.features.semantic import with_embeddings

            (clip,) = with_embeddings([clip], self._embeddings)
        return clip

    @cached_property
    def _embeddings(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        from vad.features.semantic import load_embeddings

        return load_embeddings()
