"""Corrupted frames of a clip, found from the clip's own statistics: upside down, frozen, black, blurred.

No published method is followed; each test compares a frame with what is usual in its own clip, so that no threshold
is in gray levels of one camera. A camera that stands still is assumed.

What cannot be seen: a clip that is upside down from its first frame to its last, unless a training clip of the same
scene shows the same background upright; a clip that is blurred or frozen throughout; a picture whose background is its
own mirror image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vad.data.intervals import stretches

THUMBNAIL = (48, 32)  # width, height of the picture that stands for a frame's large structures
BACKGROUND_FRAMES = 200  # thumbnails that the median background is taken over
TURNS = (0, -1)  # cv2.flip codes that stand a picture on its head: mirrored top to bottom, rotated by 180 degrees

BLACK_LEVEL, BLACK_CONTRAST = 10.0, 4.0  # mean and standard deviation, in gray levels, below which nothing can be seen
BLURRED_SHARPNESS = 0.3  # share of the clip's median variance of the Laplacian; clean Ped2 stays above 0.55
# Shares of the clip's median mean and largest change between frames. A new encoding of a repeated frame still differs
# a little everywhere, an empty scene has the sensor's noise: only both together tell. Clean Ped2: above 0.51 and 0.59.
FROZEN_MEAN_CHANGE, FROZEN_LARGEST_CHANGE = 0.45, 0.15
FROZEN_STRETCH = 3  # repeats in a row; one or two are usual where a frame rate was converted
TURNED_LIKENESS, TURNED_MARGIN = 0.5, 0.2  # correlation with the turned background, and by how much it beats upright
REFERENCE_LIKENESS, REFERENCE_MARGIN = 0.8, 0.4  # the same for a whole clip against training clips of its scene


@dataclass(frozen=True)
class Finding:
    """A corrupted frame; ``turn`` is the cv2.flip code that puts an upside-down frame right, else None."""

    frame: int
    problem: str
    turn: int | None = None


class Gauge:
    """Gathers a clip's statistics frame by frame; about 2 KB a frame are kept."""

    def __init__(self) -> None:
        self._frames: list[int] = []
        self._thumbnails: list[np.ndarray] = []
        self._measures: list[tuple[float, float, float, float, float]] = []
        self._previous: np.ndarray | None = None

    def add(self, frame: int, gray: np.ndarray) -> None:
        """Take in frame number ``frame`` as a (h, w) uint8 gray picture of about 120 rows."""
        mean, contrast = (float(value[0, 0]) for value in cv2.meanStdDev(gray))
        sharpness = float(cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))[1][0, 0]) ** 2
        change = largest = np.inf
        if self._previous is not None:
            difference = cv2.absdiff(gray, self._previous)
            change, largest = float(cv2.mean(difference)[0]), float(difference.max())
        self._frames.append(frame)
        self._thumbnails.append(cv2.resize(gray, THUMBNAIL, interpolation=cv2.INTER_AREA))
        self._measures.append((mean, contrast, sharpness, change, largest))
        self._previous = gray

    def background(self) -> np.ndarray:
        """(32, 48) float32 median of thumbnails spread over the clip."""
        chosen = np.linspace(0, len(self._thumbnails) - 1, min(len(self._thumbnails), BACKGROUND_FRAMES)).astype(int)
        return np.median([self._thumbnails[i] for i in chosen], axis=0).astype(np.float32)

    def findings(self, references: Sequence[np.ndarray] = ()) -> list[Finding]:
        """The corrupted frames, by frame number.

        Args:
            references: backgrounds of training clips of the same scene, by which a whole clip can be told to be
                upside down.
        """
        mean, contrast, sharpness, change, largest = np.array(self._measures, dtype=np.float64).T
        black = (mean < BLACK_LEVEL) & (contrast < BLACK_CONTRAST)
        seen = ~black
        if not seen.any():
            return [Finding(frame, "black") for frame in self._frames]
        blurred = seen & (sharpness < BLURRED_SHARPNESS * np.median(sharpness[seen]))
        repeated = (change < FROZEN_MEAN_CHANGE * np.median(change[seen])) & (
            largest < FROZEN_LARGEST_CHANGE * np.median(largest[seen])
        )
        frozen = _long_runs(seen & repeated, FROZEN_STRETCH)
        turns = self._turns(upright(self.background(), references))
        found = []
        for i, frame in enumerate(self._frames):
            if black[i]:
                found.append(Finding(frame, "black"))
                continue
            if turns[i] is not None:
                found.append(Finding(frame, "upside_down", turns[i]))
            if frozen[i]:
                found.append(Finding(frame, "frozen"))
            if blurred[i]:
                found.append(Finding(frame, "blurred"))
        return found

    def _turns(self, background: np.ndarray) -> list[int | None]:
        """For each frame the cv2.flip code under which it fits the background better than it does as it is."""
        turns: list[int | None] = []
        for start in range(0, len(self._thumbnails), 4096):
            frames = _normalised(np.stack(self._thumbnails[start : start + 4096]))
            as_is = frames @ _normalised(background[None])[0]
            turned = np.stack([frames @ _normalised(cv2.flip(background, turn)[None])[0] for turn in TURNS])
            best = turned.max(axis=0)
            wrong = (best > TURNED_LIKENESS) & (best > as_is + TURNED_MARGIN)
            turns += [TURNS[k] if bad else None for k, bad in zip(turned.argmax(axis=0), wrong, strict=True)]
        return turns


def upright(background: np.ndarray, references: Sequence[np.ndarray]) -> np.ndarray:
    """``background``, turned back if that makes it clearly like a reference and as it is it is like none."""
    if not len(references):
        return background
    known = _normalised(np.stack(references))
    as_is = float((known @ _normalised(background[None])[0]).max())
    turned = [float((known @ _normalised(cv2.flip(background, turn)[None])[0]).max()) for turn in TURNS]
    best = int(np.argmax(turned))
    if turned[best] > REFERENCE_LIKENESS and turned[best] > as_is + REFERENCE_MARGIN:
        return cv2.flip(background, TURNS[best])
    return background


def _normalised(pictures: np.ndarray) -> np.ndarray:
    """(N, H, W) -> (N, H*W) float32 with zero mean and unit length, so that a dot product is a correlation."""
    rows = pictures.reshape(len(pictures), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _long_runs(flags: np.ndarray, least: int) -> np.ndarray:
    """``flags`` without the runs of fewer than ``least`` in a row."""
    kept = np.zeros(len(flags), dtype=bool)
    for first, end in stretches(flags):
        kept[first:end] = end - first >= least
    return kept
