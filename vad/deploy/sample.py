"""A scene that was not fitted, learnt from a sample of the camera's own video."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from vad.data.frames import Clip
from vad.perception.camera import Camera
from vad.perception.scene import Scene
from vad.pipeline.errors import UserError

LEAST = 20  # pictures: fewer make no background
GAP = 1000  # frame numbers between two pairs: longer than any window


@dataclass(frozen=True)
class Recorded(Clip):
    """A clip whose frames are in memory: frame number -> (H, W, 3) uint8 RGB."""

    images: dict[int, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def read(self, frame: int) -> np.ndarray:
        """See :meth:`Clip.read`."""
        return self.images[int(frame)]

    def read_gray(self, frame: int) -> np.ndarray:
        """See :meth:`Clip.read_gray`."""
        return cv2.cvtColor(self.images[int(frame)], cv2.COLOR_RGB2GRAY)


def learn(camera: Camera, sample: list[np.ndarray], height: int) -> Scene:
    """The scene of ``camera`` from pairs of consecutive frames.

    Args:
        camera: with the size that the frames have.
        sample: (H, W, 3) uint8 RGB; the pictures 2 k and 2 k + 1 follow each other, pairs are spread over time.
        height: working height, see ``vad.perception.detection.Params``.

    Raises:
        UserError: too few pictures.
    """
    if len(sample) < LEAST:
        raise UserError(f"{camera.name}: a scene is not learnt from {len(sample)} pictures; give {LEAST} or more")
    numbers = np.array([i // 2 * GAP + i % 2 for i in range(len(sample))])
    second = numbers[1::2]  # of each pair: what moved shows in it
    images = dict(zip(numbers.tolist(), sample, strict=True))
    clip = Recorded(
        name=camera.name,
        scene=camera.scene,
        split="train",
        fps=camera.fps,
        frames=second,
        labels=np.zeros(len(second), np.int8),
        stored=numbers,
        size=camera.size,
        images=images,
    )
    return Scene.learn([clip], height)
