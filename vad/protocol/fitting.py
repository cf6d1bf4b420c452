"""What a detector may be fitted on and what it may then score: its plan, from the sample, the protocol and the data."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

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

    def labelled(self, rows: pd.DataFrame) -> list[Clip]:
        """As :meth:`clips`, with the labels that ``rows`` give their frames: those of the role, not of the data set."""
        labels = {clip: own.sort_values("frame")["label"].to_numpy(np.int8) for clip, own in rows.groupby("clip")}
        return [replace(clip, labels=labels[clip.name]) for clip in self.clips(rows)]

    def clips(self, rows: pd.DataFrame) -> list[Clip]:
        """The clips that ``rows`` name, restricted to those frames, each with what the detector declares to read."""
        clips = select(self.store, rows, pixels=self.declared.needs_pixels)
        if "tracks" in self.declared.reads:
            clips = self.store.with_tracks(clips)
        if "objects" in self.declared.reads:
            from vad.perception.detection import with_objects

            clips = with_objects(clips, self.store.folder / "objects")
        if "embeddings" in self.declared.reads:
            from vad.features.semantic import with_embeddings

            clips = with_embeddings(clips)
        return clips
