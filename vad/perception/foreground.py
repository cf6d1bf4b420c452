"""Foreground objects against a scene's background, and how large an object is where.

Surveillance cameras stand still: a scene's background is the median of frames drawn from its training clips, its
noise their median absolute deviation, and what differs from it by several times the noise is foreground. That finds
objects at rest as well as moving ones, which optical flow does not.

Lengths are fractions of the frame height, so that they carry across resolutions; rows count from the top.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from vad.data.frames import Clip
from vad.perception.sight import CELL, View
from vad.pipeline.stage import workers

BACKGROUND_FRAMES = 60  # per scene: the median of more changes nothing
SIZE_FRAMES = 200  # per scene: about a thousand objects
CONTRAST = 4.0  # foreground differs by this many noise deviations
LEAST_NOISE = 3.0  # gray levels: what compression does to a still scene
LEAST_COLOUR = 3.0  # mean difference of a pixel's channels, gray levels: below it a video is gray
DARK = 4.0  # gray levels added before ratios are taken
SHADOW = (0.35, 0.97)  # what a shadow leaves of the light
SHADOW_TINT = 1.15  # largest ratio between what it leaves of two colours
FRAGMENT = 0.25  # of the area of the blob that a typical foreground pixel belongs to
LEAST_AREA = 0.0005  # of the squared frame height: about a head
SIZE_BINS = 12  # of the row, for the line through typical sizes
LEAST_IN_BIN = 10  # objects
UPRIGHT = 1.2  # height over width, at least, of the objects that size is learnt from
USUAL_SIZE = (0.12, 0.05)  # height and width where a scene shows nobody at all


@dataclass(frozen=True)
class Background:
    """A scene without its objects.

    Attributes:
        image: (h, w, 3) float32 RGB levels.
        noise: (h, w) float32 deviation of the noisiest channel.
        coloured: whether shadows can be told from objects by their colour.
    """

    image: np.ndarray
    noise: np.ndarray
    coloured: bool

    @cached_property
    def light(self) -> np.ndarray:
        """(h, w, 3) float32 levels, averaged over a pixel's neighbours, that a shadow takes a share of."""
        return cv2.blur(self.image, (3, 3)) + DARK


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


def read(clip: Clip, frame: int, height: int) -> np.ndarray:
    """Frame number ``frame`` as (h, w, 3) float32 RGB at the working size."""
    return View(frame, clip.read(frame)).working(height).astype(np.float32)


def background(clips: Sequence[Clip], height: int) -> Background:
    """The background of one scene, from frames drawn evenly from ``clips`` of it, at working height ``height``."""
    drawn = draw(clips, BACKGROUND_FRAMES)
    with ThreadPoolExecutor(workers()) as pool:
        frames = np.stack(list(pool.map(lambda one: read(one[0], one[1], height), drawn)))
    image = np.median(frames, axis=0)
    frames -= image
    frames -= np.median(frames[:, ::CELL, ::CELL], axis=(1, 2, 3), keepdims=True)
    noise = 1.4826 * np.median(np.abs(frames, out=frames), axis=0).max(axis=2)
    colour = np.ptp(image, axis=2).mean()
    return Background(image, np.maximum(noise, LEAST_NOISE).astype(np.float32), bool(colour > LEAST_COLOUR))


def draw(clips: Sequence[Clip], most: int) -> list[tuple[Clip, int]]:
    """At most ``most`` (clip, frame number), evenly spread over ``clips``."""
    every = [(clip, frame) for clip in clips for frame in clip.frames]
    return [every[i] for i in np.unique(np.linspace(0, len(every) - 1, min(most, len(every))).round().astype(int))]


def mask(image: np.ndarray, scene: Background) -> np.ndarray:
    """(h, w) uint8, 1 where a frame of the background's size differs from it by more than noise and shadow.

    The frame's median offset is taken out first: light drifts over a day without being an object.
    """
    image = image - np.median((image - scene.image)[::CELL, ::CELL])
    red, green, blue = cv2.split(cv2.absdiff(image, scene.image))  # NumPy's maximum over three channels takes 20 times
    differs = cv2.max(cv2.max(red, green), blue) > CONTRAST * scene.noise
    if scene.coloured:
        differs &= ~_shadow(image, scene.light)
    found = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    gap = max(3, len(image) // 60)  # between the parts of one upright body
    return cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((gap, gap // 2 + 1), np.uint8))


def _shadow(image: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(h, w) bool: darker than the ground by the same factor in all colours (after Horprasert et al. 1999)."""
    red, green, blue = cv2.split((cv2.blur(image, (3, 3)) + DARK) / light)
    low, high = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
    return (high < SHADOW[1]) & (low > SHADOW[0]) & (high < low * SHADOW_TINT)


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


def object_size(clips: Sequence[Clip], scene: Background, height: int) -> ObjectSize:
    """Size of the typical upright object of one scene by row, at the working height ``height`` of its background.

    Blobs cut off by the frame's border are left out. Modes in bins of the row withstand merged and broken blobs better
    than medians do. By the centre, not the feet: a blob that lost its lower half is small and, by its feet, far away,
    which would pass for perspective.
    """
    drawn = draw(clips, SIZE_FRAMES)
    with ThreadPoolExecutor(workers()) as pool:
        parts = pool.map(lambda one: _whole_blobs(mask(read(one[0], one[1], height), scene)), drawn)
        found = np.concatenate(list(parts))
    found = found[found[:, 1] >= UPRIGHT * found[:, 2]]
    edges = np.quantile(found[:, 0], [0.01, 0.99]) if len(found) else (0.0, 1.0)
    bins = np.clip(((found[:, 0] - edges[0]) / max(np.ptp(edges), 1e-6) * SIZE_BINS).astype(int), 0, SIZE_BINS - 1)
    usual = [_without_fragments(found[bins == i]) for i in range(SIZE_BINS) if (bins == i).sum() >= LEAST_IN_BIN]
    if not usual:
        return ObjectSize(np.array([USUAL_SIZE[0], 0, USUAL_SIZE[1], 0, 0.5], np.float32))
    middle = float(np.median(found[:, 0]))
    x = np.array([np.median(part[:, 0]) for part in usual]) - middle
    count = np.array([len(part) for part in usual], np.float64)
    lines = [_line(x, np.array([_mode(part[:, column]) for part in usual]), count) for column in (1, 2)]
    return ObjectSize(np.array([*lines[0], *lines[1], middle], np.float32))


def _whole_blobs(found: np.ndarray) -> np.ndarray:
    """(N, 4) row of the centre, height, width and area, in frame heights, of the blobs inside the frame."""
    rows, columns = found.shape
    x1, y1, x2, y2, area = blobs(found)[0].T
    inside = (x1 > 0) & (y1 > 0) & (x2 < columns) & (y2 < rows)
    return np.stack([(y1 + y2) / 2, y2 - y1, x2 - x1, area / rows], axis=1)[inside] / rows


def _without_fragments(found: np.ndarray) -> np.ndarray:
    """The blobs of at least ``FRAGMENT`` of the area-weighted median area."""
    area = np.sort(found[:, 3])
    typical = area[np.searchsorted(np.cumsum(area), area.sum() / 2)]
    return found[found[:, 3] >= FRAGMENT * typical]


def _mode(values: np.ndarray) -> float:
    """Half-sample mode (Bickel & Fruehwirth 2006): the densest half, halved until three values or fewer are left."""
    values = np.sort(values)
    while len(values) > 3:
        half = (len(values) + 1) // 2
        start = int(np.argmin(values[half - 1 :] - values[: len(values) - half + 1]))
        values = values[start : start + half]
    return float(np.median(values))


def _line(x: np.ndarray, y: np.ndarray, count: np.ndarray) -> tuple[float, float]:
    """(level at 0, slope) of a line through points that stand for ``count`` objects each.

    The slope is the weighted median of those of all pairs (Theil & Sen), times the square of how far the pairs agree
    on its sign (Kendall's tau): points that scatter say little of perspective.
    """
    i, j = np.triu_indices(len(x), 1)
    if not len(i):
        return float(y[0]), 0.0
    slopes, weights = (y[j] - y[i]) / (x[j] - x[i]), np.sqrt(count[i] * count[j]) * (x[j] - x[i])
    slope = weighted_median(slopes, weights) * (weights @ np.sign(slopes) / weights.sum()) ** 2
    return weighted_median(y - slope * x, count), float(slope)


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """The least value with half of the weight at or below it."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
