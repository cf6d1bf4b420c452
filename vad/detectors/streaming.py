"""Detectors score streams: the contract, and a stored clip as one more stream.

``Detector.stream(perception)`` starts a stream on one camera. It takes sights, one frame of a live camera or a batch
from the store, and gives each wanted frame back once it can be judged. ``Detector.score(clip)`` is that same code fed
from the frame store.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from vad.data.frames import Clip
from vad.perception import detection, embedding, followed
from vad.perception.camera import Camera
from vad.perception.feeding import camera_of, sights
from vad.perception.sight import Perception, Sight


class Judged(NamedTuple):
    """One frame's raw score, higher = more abnormal, and its (h, w) float16 map or None."""

    frame: int
    score: float | np.floating
    map: np.ndarray | None


class Stream(Protocol):
    """A detector at work on one camera, in memory that does not grow with the stream.

    Attributes:
        latency: a frame comes back when so many later ones have been pushed, at the latest.
        past: how many earlier frames a frame's score depends on; a stream of frames far apart need not show the others.
        pixels: whether it looks at the frames themselves, not only at what the camera's other components found.
    """

    latency: int
    past: int
    pixels: bool

    def push(self, sight: Sight) -> list[Judged]:
        """Take the next views; the wanted frames that can be judged now, in order. All that are left after the last."""


class Streaming(Protocol):
    """A fitted detector."""

    def stream(self, perception: Perception) -> Stream:
        """Start on one camera."""


class Framewise:
    """A stream whose frames are judged one by one from their embeddings.

    Args:
        embeddings: sight -> (B, D) of its wanted views; score: (B, D) -> (B,).
    """

    latency = past = 0
    pixels = False

    def __init__(self, embeddings: Callable[[Sight], np.ndarray], score: Callable[[np.ndarray], np.ndarray]) -> None:
        self._embeddings, self._score = embeddings, score

    def push(self, sight: Sight) -> list[Judged]:
        """The wanted frames of this sight."""
        return judged(sight, self._score(self._embeddings(sight)), None) if sight.wanted else []


class OfObjects:
    """A stream whose frames are judged by their objects: the highest score counts.

    Args:
        score: (camera, objects, read) -> (N,) scores >= 0, where ``read`` gives a frame's picture by its number.
        pixels: whether ``score`` reads.
    """

    def __init__(
        self,
        perception: Perception,
        score: Callable[[Camera, pd.DataFrame, Callable[[int], np.ndarray]], np.ndarray],
        pixels: bool,
    ) -> None:
        self._camera, self._score = perception.camera, score
        self._objects = detection.of(perception)
        self.latency, self.past = self._objects.latency, self._objects.past
        self.pixels = pixels

    def push(self, sight: Sight) -> list[Judged]:
        """The frames whose objects are known now."""
        views, table = self._objects(sight)
        if not views:
            return []
        images = {view.frame: view for view in views}
        scores = self._score(self._camera, table, lambda frame: images[frame].image)
        frames = np.array(list(images))
        values, maps = detection.frame_scores(self._camera.size, frames, table, scores)
        return [Judged(*one) for one in zip(images, values, maps, strict=True)]


def judged(sight: Sight, scores: np.ndarray, maps: np.ndarray | None) -> list[Judged]:
    """(B,) scores and (B, h, w) maps, or None, of the sight's wanted views."""
    frames = [view.frame for view in sight.wanted]
    return [
        Judged(*one) for one in zip(frames, scores, maps if maps is not None else [None] * len(frames), strict=True)
    ]


Arrays = tuple[np.ndarray, np.ndarray | None]


def score(detector: Streaming, clip: Clip) -> Arrays:
    """(N,) float32 scores and (N, h, w) float16 maps, or None, of ``clip.frames`` from the frame store."""
    return score_together([detector], clip)[0]


def score_together(detectors: Sequence[Streaming], clip: Clip) -> list[Arrays]:
    """As :func:`score`, of several detectors that see the clip once: what they share is computed once.

    Raises:
        ValueError: they need different frames around those that are judged, and would not see what each sees alone.
    """
    perception = Perception(camera_of(clip))
    if clip.embeddings is not None:
        embedding.give(perception, embedding.Stored(clip))
    detection.give(perception, detection.Stored(clip))
    followed.give(perception, followed.Stored(clip))
    streams = [detector.stream(perception) for detector in detectors]
    (need,) = {(stream.past, stream.latency, stream.pixels) for stream in streams}
    found: list[list[Judged]] = [[] for _ in streams]
    for sight in sights(clip, *need):
        for own, stream in zip(found, streams, strict=True):
            own += stream.push(sight)
    return [_arrays(own) for own in found]


def _arrays(found: list[Judged]) -> Arrays:
    scores = np.array([one.score for one in found], np.float32)
    maps = [one.map for one in found if one.map is not None]
    return scores, np.stack(maps) if maps else None
