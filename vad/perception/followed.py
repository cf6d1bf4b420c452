"""Who is followed on a camera: the tracks that came with a clip, or the camera's objects linked as they are found.

A score that waits for later frames knows of a track that lasts whether it does; ``least`` says how long that takes.
"""

from typing import Protocol

import numpy as np
import pandas as pd

from vad.data.frames import Clip
from vad.perception import detection
from vad.perception.sight import Perception, Sight
from vad.perception.tracking import Linker, Params, typical_heights
from vad.perception.trajectories import BOX
from vad.pipeline.errors import UserError


class Tracks(Protocol):
    """What gives a camera's tracks.

    Attributes:
        latency: a frame's boxes come when so many later ones were seen; past: how many earlier ones they depend on.
        least: frames that a track must last to be one.
    """

    latency: int
    past: int
    least: float

    def __call__(self, sight: Sight) -> list[tuple[int, np.ndarray]]:
        """The frames whose boxes are known now, in order: number, and (N, 5) track, x1, y1, x2, y2 in pixels."""


class Stored:
    """The tracks of a clip."""

    latency = past = 0
    least = 0.0

    def __init__(self, clip: Clip) -> None:
        table = clip.tracks if clip.tracks is not None else pd.DataFrame(columns=["frame", "track", *BOX])
        ordered = table.sort_values(["frame", "track"], kind="stable")
        self._frames = ordered["frame"].to_numpy(np.int64)
        self._boxes = ordered[["track", *BOX]].to_numpy(np.float64)

    def __call__(self, sight: Sight) -> list[tuple[int, np.ndarray]]:
        """See :class:`Tracks`."""
        frames = [view.frame for view in sight.views]
        first, last = (np.searchsorted(self._frames, frames, side) for side in ("left", "right"))
        return [(frame, self._boxes[a:b]) for frame, a, b in zip(frames, first, last, strict=True)]


class Linked:
    """The objects of a camera, linked as they are found."""

    def __init__(self, perception: Perception, params: Params) -> None:
        self._objects = detection.of(perception)
        self._linker = Linker(perception.camera.fps, params)
        self.latency, self.past = self._objects.latency, self._objects.past
        self.least = params.least_seconds * perception.camera.fps

    def __call__(self, sight: Sight) -> list[tuple[int, np.ndarray]]:
        """See :class:`Tracks`."""
        return sight.once((self, "tracks"), lambda: self._link(sight))

    def _link(self, sight: Sight) -> list[tuple[int, np.ndarray]]:
        views, table = self._objects(sight)
        ordered = table.sort_values(["frame", *BOX], kind="stable")
        numbers, boxes = ordered["frame"].to_numpy(), ordered[BOX].to_numpy(np.float64)
        typical, found = typical_heights(ordered), []
        for view in views:
            own = numbers == view.frame
            tracks = self._linker.push(view.frame, boxes[own], typical[own])
            found.append((view.frame, np.column_stack([tracks, boxes[own]])))
        return found


def of(perception: Perception) -> Tracks:
    """What gives the camera's tracks; whoever opens the streams has put it there by :func:`give`."""

    def missing() -> None:
        raise UserError(
            f"{perception.camera.name}: a detector looks at tracks, but nothing follows the camera's objects"
        )

    return perception.once("tracks", missing)


def give(perception: Perception, source: Tracks) -> None:
    """Have the camera's streams take tracks from ``source``."""
    perception.once("tracks", lambda: source)
