"""Detectors score streams: the contract, and a stored clip as one more stream.

``Detector.stream(perception)`` starts a stream on one camera. It takes sights, one frame of a live camera or a batch
from the store, and gives each wanted frame back once it can be judged. ``Detector.score(clip)`` is that same code fed
from the frame store.
"""

from typing import NamedTuple, Protocol

import numpy as np

from vad.data.frames import Clip
from vad.perception.feeding import camera_of, sights
from vad.perception.sight import Perception, Sight


class Judged(NamedTuple):
    """One frame's raw score, higher = more abnormal, and its (h, w) float16 map or None."""

    frame: int
    score: float
    map: np.ndarray | None


class Stream(Protocol):
    """A detector at work on one camera, in memory that does not grow with the stream.

    Attributes:
        latency: a frame comes back when so many later ones have been pushed, at the latest.
        past: how many earlier frames a frame's score depends on; a stream of frames far apart need not show the others.
    """

    latency: int
    past: int

    def push(self, sight: Sight) -> list[Judged]:
        """Take the next views; the wanted frames that can be judged now, in order. All that are left after the last."""


class Streaming(Protocol):
    """A fitted detector."""

    def stream(self, perception: Perception) -> Stream:
        """Start on one camera."""


def score(detector: Streaming, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
    """(N,) float32 scores and (N, h, w) float16 maps, or None, of ``clip.frames`` from the frame store."""
    stream = detector.stream(Perception(camera_of(clip)))
    judged: list[Judged] = []
    for sight in sights(clip, stream.past, stream.latency):
        judged += stream.push(sight)
    scores = np.array([one.score for one in judged], np.float32)
    with_maps = bool(judged) and judged[0].map is not None
    return scores, np.stack([one.map for one in judged]) if with_maps else None
