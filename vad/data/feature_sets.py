"""A weakly labelled data set of precomputed features: which videos to learn from, which to score, and their truth."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vad.data import weak_labels
from vad.data.annotations import load_npy
from vad.data.feature_files import FeatureFile, find, plain
from vad.data.tables import read_csv, shown
from vad.data.weak_labels import Truth
from vad.pipeline.errors import UserError

FRAMES = "frames.csv"  # clip,frames: lengths of test videos whose features do not stand for 16 frames each
SNIPPET = 16  # frames that a row of features stands for


@dataclass(frozen=True)
class FeatureSet:
    """Features with labels: training videos with one each (N,), test videos with their truth."""

    benchmark: str
    train: list[FeatureFile]
    labels: np.ndarray
    test: list[tuple[FeatureFile, Truth]]
    lengths: dict[str, int]

    def frame_labels(self, video: FeatureFile, truth: Truth) -> np.ndarray:
        """(F,) uint8 truth of a test video's frames.

        Raises:
            UserError: its length is not known: 32 segments stand for a video of any length.
        """
        if truth.labels is not None:
            return truth.frames(load_npy(truth.labels).size)
        if (known := self.lengths.get(video.name)) is not None:
            return truth.frames(known)
        if video.paths[0].suffix == ".txt":
            raise UserError(
                f"{video.paths[0]} has 32 segments for a whole video: give its length in {FRAMES} (clip,frames)"
            )
        return truth.frames(SNIPPET * len(video.read(0)))


def load(root: Path, features: Path | None = None) -> FeatureSet:
    """The data set at ``root``, with features below ``features`` (by default ``root``).

    Training videos without features are left out, as are features of videos that no list names.

    Raises:
        UserError: no list, no features, or none of the features belong to a training video.
    """
    found = find(features or root)
    lists = weak_labels.read(root, found)
    train = [name for name in lists.train if name in found]
    if not train:
        raise UserError(f"{features or root}: none of its {len(found)} videos is a training video of {root}")
    lengths = {}
    if (root / FRAMES).exists():
        for where, (clip, frames) in read_csv(root / FRAMES, ["clip", "frames"]):
            if not re.fullmatch("[1-9][0-9]{0,8}", frames):
                raise UserError(f"{where}: frames of {shown(clip)} must be their number, found '{shown(frames)}'")
            lengths[plain(clip)] = int(frames)
    test = [(found[name], truth) for name, truth in lists.test.items() if name in found]
    labels = np.array([lists.train[name] for name in train])
    return FeatureSet(lists.benchmark, [found[name] for name in train], labels, test, lengths)


def to_frames(scores: np.ndarray, frames: int) -> np.ndarray:
    """(T,) scores of evenly spread snippets -> (frames,): each frame gets that of the snippet it lies in."""
    return scores[np.minimum(np.arange(frames) * len(scores) // max(frames, 1), len(scores) - 1)]
