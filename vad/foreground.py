"""Foreground objects against a scene's background, and how large an object is where.

Surveillance cameras stand still: a scene's background is the median of frames drawn from its training clips, its
noise their median absolute deviation, and what differs from it by several times the noise is foreground. That finds
objects at rest as well as moving ones, which optical flow does not.

Lengths are fractions of the frame height, so that they carry across resolutions; rows count from the top.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vad.flow import read_working
from vad.frames import Clip

BACKGROUND_FRAMES = 60  # per scene: the median of more changes nothing
SIZE_FRAMES = 200  # per scene: about a thousand objects
CONTRAST = 4.0  # foreground differs by this many noise deviations
LEAST_NOISE = 3.0  # gray levels: what compression does to a still scene
LEAST_AREA = 0.0005  # of the squared frame height: about a head
SIZE_BINS = 8  # of the row, for the line through typical sizes
USUAL_SIZE = (0.12, 0.05)  # height and width where a scene shows nobody at all


@dataclass(frozen=True)
class Background:
    """A scene without its objects: (h, w) float32 gray levels and noise deviations."""

    gray: np.ndarray
    noise: np.ndarray


@dataclass(frozen=True)
class ObjectSize:
    """Height and width of a typical object by the row of its centre: two lines, as a ground plane in perspective gives.

    ``line`` is (5,): height in the middle row, its slope, width in the middle row, its slope, middle row.
    """

    line: np.ndarray

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(heights, widths) of typical objects centred at ``rows``; half to twice the middle row's."""
        away = np.asarray(rows) - self.line[4]
        height, width = (
            np.clip(level + slope * away, level / 2, level * 2) for level, slope in self.line[:4].reshape(2, 2)
        )
        return height, width


def background(clips: Sequence[Clip], height: int) -> Background:
    """The background of one scene, from frames drawn evenly from ``clips`` of it, at working height ``height``."""
    frames = np.stack([read_working(clip, frame, height) for clip, frame in draw(clips, BACKGROUND_FRAMES)])
    frames = frames - np.median(frames, axis=(1, 2), keepdims=True) + np.median(frames)
    gray = np.median(frames, axis=0)
    noise = 1.4826 * np.median(np.abs(frames - gray), axis=0)
    return Background(gray.astype(np.float32), np.maximum(noise, LEAST_NOISE).astype(np.float32))


def draw(clips: Sequence[Clip], most: int) -> list[tuple[Clip, int]]:
    """At most ``most`` (clip, frame number), evenly spread over ``clips``."""
    every = [(clip, frame) for clip in clips for frame in clip.frames]
    return [every[i] for i in np.unique(np.linspace(0, len(every) - 1, min(most, len(every))).round().astype(int))]


def mask(gray: np.ndarray, scene: Background) -> np.ndarray:
    """(h, w) uint8, 1 where a frame of the background's size differs from it by more than noise.

    The frame's median offset is taken out first: light drifts over a day without being an object.
    """
    difference = gray - scene.gray
    difference -= np.median(difference)
    found = (np.abs(difference) > CONTRAST * scene.noise).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    gap = max(3, len(gray) // 60)  # between the parts of one upright body
    return cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((gap, gap // 2 + 1), np.uint8))


def blobs(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Connected components of a mask.

    Returns:
        (N, 5) int32 of x1, y1, x2, y2 (exclusive) and area in pixels, without specks; the (h, w) labels, where row i
        of the former is label i + 1 and specks are 0.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= LEAST_AREA * len(found) ** 2
    keep[0] = False
    renamed = np.zeros(count, np.int32)
    renamed[keep] = np.arange(1, keep.sum() + 1)
    x, y, w, h, area = stats[keep].T
    return np.stack([x, y, x + w, y + h, area], axis=1), renamed[labels]


def object_size(clips: Sequence[Clip], scene: Background) -> ObjectSize:
    """Size of the typical foreground object of one scene by row.

    Blobs cut off by the frame's border are left out. Modes in bins of the row withstand merged and broken blobs better
    than medians do; the line through them is Theil and Sen's (median of the slopes of all pairs of bins). By the
    centre, not the feet: a blob that lost its lower half is small and, by its feet, far away, which would pass for
    perspective.
    """
    found = [
        _whole_blobs(read_working(clip, frame, len(scene.gray)), scene) for clip, frame in draw(clips, SIZE_FRAMES)
    ]
    centres, heights, widths = np.concatenate(found).T if found else np.empty((3, 0))
    if len(centres) < SIZE_BINS:
        return ObjectSize(np.array([USUAL_SIZE[0], 0, USUAL_SIZE[1], 0, 0.5], np.float32))
    bins = np.array_split(np.argsort(centres, kind="stable"), SIZE_BINS)
    x = np.array([np.median(centres[b]) for b in bins])
    h, w = (np.array([_mode(values[b]) for b in bins]) for values in (heights, widths))
    middle = float(np.median(centres))
    return ObjectSize(np.array([*_line(x - middle, h), *_line(x - middle, w), middle], np.float32))


def _whole_blobs(gray: np.ndarray, scene: Background) -> np.ndarray:
    """(N, 3) row of the centre, height and width, in frame heights, of the blobs inside the frame."""
    rows, columns = gray.shape
    boxes, _ = blobs(mask(gray, scene))
    x1, y1, x2, y2, _ = boxes.T
    inside = (x1 > 0) & (y1 > 0) & (x2 < columns) & (y2 < rows)
    return np.stack([(y1 + y2) / 2, y2 - y1, x2 - x1], axis=1)[inside] / rows


def _mode(values: np.ndarray) -> float:
    """Half-sample mode (Bickel & Fruehwirth 2006): the densest half, halved until three values or fewer are left."""
    values = np.sort(values)
    while len(values) > 3:
        half = (len(values) + 1) // 2
        start = int(np.argmin(values[half - 1 :] - values[: len(values) - half + 1]))
        values = values[start : start + half]
    return float(np.median(values))


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """(level at 0, slope) of Theil and Sen's line, its slope shrunk by the share of variance that a line explains."""
    i, j = np.triu_indices(len(x), 1)
    apart = np.abs(x[j] - x[i]) > 1e-6
    if not apart.any() or np.ptp(y) < 1e-6:
        return float(np.median(y)), 0.0
    slope = np.median((y[j] - y[i])[apart] / (x[j] - x[i])[apart]) * np.corrcoef(x, y)[0, 1] ** 2
    return float(np.median(y - slope * x)), float(slope)
