"""Protocols: which frames a detector is fitted on and which frames that fit may score.

``paper`` fits and scores on the same pool of labelled test frames, as the reproduced paper did: the leak. ``clean``
cross-fits whatever needs labels over whole test clips: a clip is scored only by a model that saw none of its frames.
``one_class`` lets nobody see a labelled anomaly. The roles of the sample (``vad.protocol.sampling``) carry this; here
they become clips.
"""

from dataclasses import dataclass

import pandas as pd

from vad.data.frames import Clip, FrameStore
from vad.pipeline.params import Protocol

ALL = "all"


@dataclass(frozen=True)
class Fold:
    """One fit and what it scores: rows (clip, frame, label, role, fold) of the sample."""

    name: str
    fit: pd.DataFrame
    score: pd.DataFrame

    @property
    def test(self) -> pd.DataFrame:
        """The test frames among those it scores."""
        return self.score[self.score["role"] == "test"]

    @property
    def calibration(self) -> pd.DataFrame:
        """The held-out normal frames among those it scores."""
        return self.score[self.score["role"] == "calibration"]


def folds(sample: pd.DataFrame, role: str, labelled: bool, protocol: Protocol) -> list[Fold]:
    """The fits of one detector under ``protocol``.

    A detector without labels is fitted once, on ``role``. A labelled one is fitted once per fold of test clips under
    ``clean``, on the rows of ``role`` outside that fold; each fit scores its own fold's test frames and all
    calibration frames (so that every fit has held-out normal scores on its own scale).
    """
    permitted = sample[sample["role"] == role]
    scored = sample[sample["role"].isin(["test", "calibration"])]
    if not (labelled and protocol == "clean"):
        return [Fold(ALL, permitted, scored)]
    test = scored["role"] == "test"
    return [
        Fold(str(fold), permitted[permitted["fold"] != fold], scored[~test | (scored["fold"] == fold)])
        for fold in sorted(scored.loc[test, "fold"].unique())
    ]


def select(store: FrameStore, rows: pd.DataFrame, pixels: bool = True) -> list[Clip]:
    """The clips that ``rows`` (clip, frame) name, in name order, restricted to those frames.

    Args:
        pixels: leave out the clips that are known by their tracks alone.
    """
    frames = rows.groupby("clip")["frame"]
    wanted = {clip: group.to_numpy() for clip, group in frames}
    clips = [clip for clip in store.clips() if clip.name in wanted and (clip.path is not None or not pixels)]
    return [clip.only(wanted[clip.name]) for clip in clips]


def fit_clips(store: FrameStore, sample: pd.DataFrame, role: str) -> list[Clip]:
    """The clips of one role that have pixels, restricted to its frames."""
    return select(store, sample[sample["role"] == role])
