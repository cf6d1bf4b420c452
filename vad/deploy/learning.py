"""Pictures from which the scene of a camera is learnt that was not there when the bundle was fitted."""

from typing import ClassVar

import cv2
import numpy as np

from vad.deploy.sources.media import Frame

MOST_SIDE = 720  # pixels of the short side that a picture to learn from keeps


def bounded(image: np.ndarray) -> np.ndarray:
    """``image`` with a short side of at most ``MOST_SIDE`` pixels: so many of them are kept in memory."""
    height, width = image.shape[:2]
    scale = MOST_SIDE / min(height, width)
    if scale >= 1:
        return image
    return cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)


class Learning:
    """Takes pairs of consecutive frames, evenly over ``seconds``.

    Attributes:
        sample: the pictures so far, (H, W, 3) uint8 RGB each.
    """

    seconds: ClassVar[float] = 60.0
    pairs: ClassVar[int] = 60

    def __init__(self, size: tuple[int, int]) -> None:
        self.sample: list[np.ndarray] = []
        self._size, self._second_is_due = size, False
        self._start: float | None = None

    def take(self, frame: Frame) -> bool:
        """Whether enough was seen, with this frame."""
        if frame.image.shape[1::-1] != self._size:
            self.sample, self._start, self._second_is_due = [], None, False  # another view: from the beginning
            self._size = frame.image.shape[1::-1]
        if self._start is None:
            self._start = frame.seconds
        elapsed = frame.seconds - self._start
        due = len(self.sample) / 2 * self.seconds / self.pairs
        if self._second_is_due or (len(self.sample) < 2 * self.pairs and elapsed >= due):
            self.sample.append(bounded(frame.image))
            self._second_is_due = not self._second_is_due
        return elapsed >= self.seconds and not self._second_is_due

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        return min(1.0, len(self.sample) / (2 * self.pairs))
