"""What has come to rest in front of a camera: foreground that does not change any more, and for how long it has lain.

Two backgrounds of different memory (Porikli, Ivanov & Haga, "Robust Abandoned Object Detection Using Dual Foregrounds",
2008). Against the long one, a scene without its objects, whatever does not belong there is foreground. Against the
short one, the picture of a moment ago, only what moves is. What differs from the long and agrees with the short rests:
a bag that was put down, a body on the ground, a hole where something was taken away. The long one follows the light
wherever nothing stands, so that it never learns what rests.

Only what came while the camera was watched has come to rest: nobody knows for how long the rest has been there.
"""

from collections import deque

import cv2
import numpy as np

from vad.perception.foreground import Background, ObjectSize, blobs, mask

MOMENT = 0.17  # seconds back that the short background lies: a walker has moved by more than a blur, a bag has not
SETTLED = 0.25  # seconds for which a pixel agrees with it before it rests
STEADY = 2.5  # noise deviations within which it agrees
CAME = 0.9  # of a thing came while the camera was watching; who walks away beside who stood there makes one thing
FOLLOWING = 60.0  # seconds in which the long background takes over a change of light
COLUMNS = ["x1", "y1", "x2", "y2", "height", "width", "area", "seconds"]


class Resting:
    """The resting things of one camera, frame by frame.

    Args:
        background, size: what is known of the camera; fps: frames per second of the frames that are pushed.
    """

    def __init__(self, background: Background, size: ObjectSize, fps: float) -> None:
        self._background, self._size, self._fps = background, size, fps
        self._before: deque[np.ndarray] = deque(maxlen=max(1, round(MOMENT * fps)))
        self._steady = np.zeros(background.noise.shape, np.float32)  # frames for which a pixel has not changed
        self._rested = np.zeros(background.noise.shape, np.float32)  # frames for which it has rested
        self._bare = np.zeros(background.noise.shape, np.float32)  # frames for which it has been bare ground
        self._came = np.zeros(background.noise.shape, bool)  # whether what it shows came after the first moment
        self._frames = 0

    @property
    def shape(self) -> tuple[int, int]:
        """(width, height) in pixels of the frames that are pushed."""
        rows, columns = self._background.noise.shape
        return columns, rows

    def push(self, image: np.ndarray) -> np.ndarray:
        """The next frame, (h, w, 3) float32 RGB of the background's size, -> (N, 8) what rests in it.

        Columns: ``COLUMNS``; the box in frame heights, its height, width and area relative to a typical object whose
        feet are there, and the seconds for which it has rested. Things at the picture's border are left out: nobody
        knows how large they are. So are those that were there from the first moment on.
        """
        foreground = mask(image, self._background) > 0
        resting = self._rest(image, foreground)
        self._arrivals(foreground)
        self._follow(image, foreground)
        whole = cv2.morphologyEx(resting.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8))
        found, labels = blobs(whole)
        rows, columns = resting.shape
        inside = (found[:, :2] > 0).all(axis=1) & (found[:, 2] < columns) & (found[:, 3] < rows)
        kept, seconds = [], []
        for i in np.flatnonzero(inside).tolist():
            own = self._own(found[i], labels, i + 1)
            if self._came[own].mean() >= CAME:
                kept.append(i)
                seconds.append(float(np.median(self._rested[own])) / self._fps)
        return _described(found[kept], np.array(seconds), rows, self._size)

    def _rest(self, image: np.ndarray, foreground: np.ndarray) -> np.ndarray:
        """(h, w) bool: foreground that has not changed for ``SETTLED`` seconds."""
        smooth = cv2.blur(image, (3, 3))
        red, green, blue = cv2.split(cv2.absdiff(smooth, self._before[0] if self._before else smooth))
        changed = cv2.max(cv2.max(red, green), blue) > STEADY * self._background.noise
        self._before.append(smooth)
        self._steady = np.where(changed, 0, self._steady + 1)
        resting = foreground & (self._steady >= max(1, round(SETTLED * self._fps)))
        # Who passes in front of a thing hides it for a moment and does not end its rest; bare ground does.
        hidden = np.where(foreground, np.maximum(self._rested - 1, 0), 0)
        self._rested = np.where(resting, self._rested + 1, hidden)
        return resting

    def _follow(self, image: np.ndarray, foreground: np.ndarray) -> None:
        """Once a second the long background takes a small step towards the bare ground as it is now."""
        self._frames += 1
        if self._frames % max(1, round(self._fps)):
            return
        known = self._background
        step = ((image - known.image) / FOLLOWING) * ~foreground[..., None]
        self._background = Background((known.image + step).astype(np.float32), known.noise, known.coloured)

    def _arrivals(self, foreground: np.ndarray) -> None:
        settled = max(1, round(SETTLED * self._fps))
        self._came = np.where(foreground, self._came | (self._bare >= settled), self._came)
        self._bare = np.where(foreground, 0, self._bare + 1)

    @staticmethod
    def _own(box: np.ndarray, labels: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of a blob's pixels."""
        x1, y1, x2, y2 = box[:4]
        y, x = np.nonzero(labels[y1:y2, x1:x2] == label)
        return y + y1, x + x1


def _described(found: np.ndarray, seconds: np.ndarray, rows: int, size: ObjectSize) -> np.ndarray:
    """(N, 8) ``COLUMNS`` of (N, 5) blobs in pixels and (N,) seconds."""
    boxes, area = found[:, :4] / rows, found[:, 4] / rows**2
    height, _ = size.at((boxes[:, 1] + boxes[:, 3]) / 2)
    height, width = size.at(boxes[:, 3] - height / 2)  # of whoever stands where its lower edge is
    own = boxes[:, 2:] - boxes[:, :2]
    relative = own[:, 1] / height, own[:, 0] / width, area / (height * width)
    return np.column_stack([boxes, *relative, seconds.reshape(-1)])
