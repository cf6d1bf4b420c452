"""Regions judged by what one label per video teaches: when something abnormal happens, and where.

The regions are the foreground objects of a frame, described by ``vad.detectors.weak.regions``; each is scored by
``vad.detectors.weak.evidence``. A frame's map holds every region's score at its place, and its score is the map's
maximum: the map must find the place for the frame to be found.

A training video that happens to have more regions must not weigh more: each video weighs the same, and both labels do.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pydantic

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.detectors.weak import evidence, regions, training
from vad.detectors.weak.sampling import moments
from vad.perception import detection
from vad.perception.camera import Camera
from vad.perception.sight import Perception
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)

FEWEST = 4  # videos of either label


class Params(training.Params):
    """Section ``weak``: the temporal network's parameters, and those of the regions' evidence."""

    stride: int = pydantic.Field(ge=1, le=1000)
    trees: int = pydantic.Field(ge=1, le=1000)
    tree_rate: float = pydantic.Field(gt=0, le=1)
    leaves: int = pydantic.Field(ge=2, le=64)
    leaf_regions: int = pydantic.Field(ge=1, le=100_000)
    tree_penalty: float = pydantic.Field(ge=0, le=1000)
    max_regions: int = pydantic.Field(200_000, ge=100, le=100_000_000)  # older models were saved without it


def why_not(clips: Sequence[Clip]) -> str | None:
    """Why these clips teach nothing, in a few words; None where they do."""
    normal, abnormal = (len(part) for part in bags(clips)[1:])
    if min(normal, abnormal) < FEWEST:
        return f"{abnormal} abnormal and {normal} normal videos have labels; at least {FEWEST} of each are needed"
    return None


def bags(clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """(clips that show what is normal where, normal videos, abnormal videos), without their objects.

    The training clips are the first; where no other video is normal, every other one of them is a normal video.
    """
    bare = [replace(clip, objects=None) for clip in clips]
    known = [clip for clip in bare if clip.split == "train"]
    labelled = [clip for clip in bare if clip.split != "train"]
    abnormal = [clip for clip in labelled if clip.labels.any()]
    normal = [clip for clip in labelled if not clip.labels.any()]
    if len(normal) < FEWEST:
        return known[::2], normal + known[1::2], abnormal
    return known, normal, abnormal


def fit(clips: Sequence[Clip], params: Params, seed: int) -> dict[str, np.ndarray]:
    """Evidence from one label per clip.

    Args:
        clips: of the role ``weak``, whose labels are their clip's in every frame, with their objects: one clip's are
            in memory at a time. Of more than ``params.max_regions`` regions, every so many-th of each video teaches.

    Returns:
        ``reference.<scene>`` and ``trees.*``.

    Raises:
        UserError: too few clips of either label.
    """
    if reason := why_not(clips):
        raise UserError(f"weak: {reason}")
    known, normal, abnormal = bags(clips)
    at = {clip.name: number for number, clip in enumerate(clips)}
    state = regions.reference(clips[at[clip.name]] for clip in known)
    counts = [len(_regions(clips[at[clip.name]], params.stride)) for clip in normal + abnormal]
    step = max(1, -(-sum(counts) // params.max_regions))
    features, labels, weights = [], [], []
    for label, videos in ((0, normal), (1, abnormal)):
        tables = (_regions(clips[at[clip.name]], params.stride).iloc[::step] for clip in videos)
        found = [regions.measured(own, clip.scene, clip.size, state) for clip, own in zip(videos, tables, strict=True)]
        found = [own for own in found if len(own)]
        features += found
        labels += [np.full(len(own), label) for own in found]
        weights += [np.full(len(own), 1 / len(own) / len(found)) for own in found]
    every = np.concatenate(weights)
    every *= len(every) / every.sum()
    return state | evidence.fit(np.concatenate(features), np.concatenate(labels), every, regions.RISING, params, seed)


def _regions(clip: Clip, stride: int) -> pd.DataFrame:
    """The regions of a training video's sampled moments; of one that is stored in runs, of each run's middle."""
    table = detection.objects_of(clip)
    return table if clip.split == "weak" else table[table["frame"].isin(moments(clip.stored, stride))]


class Detector:
    """The fitted detector."""

    def __init__(self, state: dict[str, np.ndarray], params: Params) -> None:
        self._state = state

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """Evidence that each frame is abnormal.

        Returns:
            (N,) float32 log(1 + odds) of the frame's most telling region, 0 without regions; (N, h, w) float16 map,
            each region's box filled with its own.
        """
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> streaming.OfObjects:
        """Start on one camera; as late as its objects are."""
        return streaming.OfObjects(perception, self.judge, pixels=False)

    def judge(self, camera: Camera, table: pd.DataFrame, read: Callable[[int], np.ndarray]) -> np.ndarray:
        """(N,) log(1 + odds) of each region of ``table``."""
        measures = regions.measured(table, camera.scene, camera.size, self._state)
        return np.logaddexp(0, evidence.log_odds(self._state, measures))
