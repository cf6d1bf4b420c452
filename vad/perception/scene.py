"""What is known of one camera before anything is judged: its background, how large its objects are, how fast they pass.

How long flow is averaged follows from the last: long enough to quiet the noise of one pair of frames, shorter than an
object stays over one place, or the mean would hold the ground before and after it. Frame rates do not say that (those
written in data sets are often nominal), but the objects do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vad.data.frames import Clip
from vad.perception.flow import averaged
from vad.perception.foreground import Background, ObjectSize, background, blobs, draw, mask, object_size, read

PASSING_FRAMES = 60  # per scene: some hundred objects
PASSING_QUANTILE = 0.75  # of the objects' speeds: the typical one of those that move, where up to half stand
LONGEST_PASSING = 3.0  # seconds


@dataclass(frozen=True)
class Scene:
    """One camera.

    Attributes:
        passing: seconds in which a typical moving object moves by its own width.
    """

    background: Background
    size: ObjectSize
    passing: float

    @classmethod
    def learn(cls, clips: Sequence[Clip], height: int) -> "Scene":
        """From ``clips`` of the scene, at working height ``height``."""
        empty = background(clips, height)
        size = object_size(clips, empty, height)
        return cls(empty, size, _passing(clips, empty, size, height))

    def arrays(self) -> dict[str, np.ndarray]:
        """The scene as named arrays, to be kept."""
        return {
            "background": np.ascontiguousarray(self.background.image),
            "noise": np.ascontiguousarray(self.background.noise),
            "coloured": np.array([self.background.coloured]),
            "size": np.ascontiguousarray(self.size.line),
            "passing": np.array([self.passing]),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Scene":
        """What :meth:`arrays` made."""
        empty = Background(arrays["background"], arrays["noise"], bool(arrays["coloured"][0]))
        return cls(empty, ObjectSize(arrays["size"]), float(arrays["passing"][0]))


def by_scene(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """Scene -> its clips, in name order."""
    scenes = sorted({clip.scene for clip in clips})
    return {scene: [clip for clip in clips if clip.scene == scene] for scene in scenes}


def _passing(clips: Sequence[Clip], empty: Background, size: ObjectSize, height: int) -> float:
    """Seconds per own width of typical moving objects, from the mean flow over each blob."""
    chosen: dict[str, tuple[Clip, list[int]]] = {}
    for clip, frame in draw(clips, PASSING_FRAMES):
        chosen.setdefault(clip.name, (clip, []))[1].append(frame)
    by_frame: list[np.ndarray] = [np.empty(0)]
    for clip, numbers in chosen.values():
        for frames, flows in averaged(clip.only(numbers), height, 0):
            for frame, flow in zip(frames, flows, strict=True):
                by_frame.append(_widths_per_second(read(clip, frame, height), flow, empty, size))
    speeds = np.concatenate(by_frame)
    typical = np.quantile(speeds, PASSING_QUANTILE) if len(speeds) else 0.0
    return float(1 / max(typical, 1 / LONGEST_PASSING))


def _widths_per_second(image: np.ndarray, flow: np.ndarray, empty: Background, size: ObjectSize) -> np.ndarray:
    """(N,) speeds of one frame's blobs in widths of the typical object there."""
    found, labels = blobs(mask(image, empty))
    cells = cv2.resize(labels.astype(np.float32), flow.shape[1::-1], interpolation=cv2.INTER_NEAREST).astype(int)
    count = np.bincount(cells.ravel(), minlength=len(found) + 1)[1:]
    sums = [np.bincount(cells.ravel(), flow[..., axis].ravel(), len(found) + 1)[1:] for axis in (0, 1)]
    widths = size.at((found[:, 1] + found[:, 3]) / 2 / len(labels))[1]
    return (np.hypot(*sums) / np.maximum(count, 1) / widths)[count > 0]
