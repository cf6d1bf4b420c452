"""Where, not only when: pixel-level ROC-AUC, RBDC and TBDC of anomaly maps against pixel masks.

Ramachandra & Jones, "Street Scene: A new dataset and evaluation protocol for video anomaly detection", WACV 2020,
section 4. Regions are the connected components of a frame's thresholded map. A ground-truth region is detected when its
intersection over union with a detected region is at least beta; a detected region that reaches beta with no
ground-truth region is a false positive. RBDC is the area under the region detection rate over false-positive regions
per frame, from 0 to 1; TBDC the same for tracks, a track being detected when at least a share alpha of its regions is.

What is approximated: maps and masks are compared on one grid of ``map_short_side`` rows or columns (a mask pixel
counts where at least half of it is covered); the thresholds are ``map_thresholds`` quantiles; the masks carry no
identities, so a track is a component connected over space and time, and two anomalous persons who cross become one
track.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vad.data.frames import FrameStore
from vad.metrics.measures import Params
from vad.pipeline import artifacts

# Every float16 by its bits: tables over it replace sorting and searching.
HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


@dataclass(frozen=True)
class Truth:
    """One clip's masks and their regions and tracks.

    Attributes:
        masks: (N, h, w) bool, frames in order of time.
        cells: (K,) positions of the masks' cells in the tall picture of :func:`_tall`; region: (K,) theirs, 0..R-1.
        track: (R,) the track of each region; sizes: (R,) its cells.
    """

    masks: np.ndarray
    cells: np.ndarray
    region: np.ndarray
    track: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, masks: np.ndarray) -> "Truth":
        """From (N, h, w) bool masks: regions are 8-connected in a frame, tracks 26-connected over space and time."""
        from scipy.ndimage import label

        tall = _tall(masks)
        count, labels = cv2.connectedComponents(tall.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
        cells = np.flatnonzero(tall)
        region = labels.ravel()[cells] - 1
        track = np.zeros(count - 1, dtype=np.int64)
        if len(cells):
            track[region] = label(masks, structure=np.ones((3, 3, 3)))[0][masks] - 1
        return cls(masks, cells, region, track, np.bincount(region, minlength=count - 1))


@dataclass(frozen=True)
class Located:
    """One clip's maps, (N, h, w) float16, and their truth."""

    maps: np.ndarray
    truth: Truth


def grid(height: int, width: int, short_side: int) -> tuple[int, int]:
    """(h, w) of a picture shrunk so that its short side is at most ``short_side``."""
    shrink = min(1.0, short_side / min(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def resize_maps(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, h, w) maps, bilinearly resized to ``size`` (h, w), as float16."""
    shape = (size[1], size[0])
    resized = [cv2.resize(m.astype(np.float32), shape, interpolation=cv2.INTER_LINEAR) for m in maps]
    return np.array(resized, dtype=np.float16).reshape(-1, *size)


def resize_masks(masks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, H, W) bool masks on the grid ``size``; a cell counts where at least half of it is covered."""
    shape = (size[1], size[0])
    resized = [cv2.resize(m.astype(np.float32), shape, interpolation=cv2.INTER_AREA) >= 0.5 for m in masks]
    return np.array(resized, dtype=bool).reshape(-1, *size)


def pixel_roc_auc(clips: list[Located]) -> float:
    """ROC-AUC over all cells of all frames, ties half; NaN where one class is missing.

    float16 has 65,536 values, so one histogram per class gives the exact figure without sorting.
    """
    inside, every = np.zeros(1 << 16), np.zeros(1 << 16)
    for clip in clips:
        bits = clip.maps.view(np.uint16)
        inside += np.bincount(bits[clip.truth.masks], minlength=1 << 16)
        every += np.bincount(bits.ravel(), minlength=1 << 16)
    order = np.argsort(HALVES.astype(np.float32), kind="stable")
    inside, outside = inside[order], (every - inside)[order]
    if not inside.sum() or not outside.sum():
        return float("nan")
    below = np.cumsum(outside) - 0.5 * outside
    return float((inside * below).sum() / (inside.sum() * outside.sum()))


def region_criteria(clips: list[Located], params: Params) -> tuple[float, float]:
    """(RBDC, TBDC), each in [0, 1]; NaN where the masks are empty."""
    if not any(len(clip.truth.sizes) for clip in clips):
        return float("nan"), float("nan")
    frames = sum(len(clip.maps) for clip in clips)
    levels = _levels(clips, params.map_thresholds)
    points = [(0.0, 0.0, 0.0)]
    for level in range(max(int(own.max()) for own in levels), 0, -1):
        found = [_detect(own >= level, clip.truth, params) for own, clip in zip(levels, clips, strict=True)]
        false = sum(item[0] for item in found) / frames
        points.append((false, *(np.concatenate([item[i] for item in found]).mean() for i in (1, 2))))
        if false > 1:
            break
    false, regions, tracks = np.array(points).T
    return _area(false, regions), _area(false, tracks)


def _levels(clips: list[Located], count: int) -> list[np.ndarray]:
    """Per clip the tall picture of how many of the thresholds each cell reaches.

    Half of the thresholds are quantiles of the frames' maxima, half of all cells.
    """
    shares = np.linspace(0, 1, count // 2)
    peaks = np.concatenate([clip.maps.max(axis=(1, 2)) for clip in clips]).astype(np.float32)
    cells = np.concatenate([clip.maps.ravel()[:: len(clips)] for clip in clips]).astype(np.float32)
    cells = cells[:: max(1, len(cells) // 100_000)]
    values = np.append(np.quantile(peaks, shares, method="higher"), np.quantile(cells, shares, method="higher"))
    reached = np.searchsorted(np.unique(values).astype(np.float16), HALVES, side="right").astype(np.uint16)
    return [_tall(reached[clip.maps.view(np.uint16)]) for clip in clips]


def _area(false: np.ndarray, rate: np.ndarray) -> float:
    """Area under ``rate`` over ``false`` positives per frame in [0, 1]; beyond the last point the rate stays."""
    order = np.lexsort((rate, false))
    false, rate = false[order], np.maximum.accumulate(rate[order])
    at_one = np.interp(1.0, false, rate)
    inside = false <= 1
    return float(np.trapezoid(np.append(rate[inside], at_one), np.append(false[inside], 1.0)))


def _tall(frames: np.ndarray) -> np.ndarray:
    """(N, h, w) as one picture (N * (h + 1), w), frames one below the other with an empty row between.

    The components of all frames are thus found in one call.
    """
    count, height, width = frames.shape
    tall = np.zeros((count, height + 1, width), dtype=frames.dtype)
    tall[:, :height] = frames
    return tall.reshape(-1, width)


def _detect(marked: np.ndarray, truth: Truth, params: Params) -> tuple[int, np.ndarray, np.ndarray]:
    """One clip at one threshold: false-positive regions, (R,) bool detected regions, (T,) bool detected tracks."""
    count, labels = cv2.connectedComponents(marked.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    regions = len(truth.sizes)
    if not regions:
        return count - 1, np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
    sizes = np.bincount(labels[marked], minlength=count)
    hit = labels.ravel()[truth.cells]
    pair, overlap = np.unique(hit[hit > 0].astype(np.int64) * regions + truth.region[hit > 0], return_counts=True)
    detection, region = pair // regions, pair % regions
    good = overlap / (sizes[detection] + truth.sizes[region] - overlap) >= params.beta
    detected = np.zeros(regions, dtype=bool)
    detected[region[good]] = True
    share = np.bincount(truth.track, weights=detected) / np.bincount(truth.track)
    return count - 1 - len(np.unique(detection[good])), detected, share >= params.alpha


class GridMasks:
    """The test clips' pixel masks on one grid, to lay detectors' maps over.

    Args:
        store: masks are read from it; a clip without a mask file counts as empty if it has no abnormal frame, and is
            left out otherwise.
        short_side: of the grid.
    """

    def __init__(self, store: FrameStore, short_side: int) -> None:
        self._size: tuple[int, int] | None = None
        self._clips: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
        self._truths: dict[tuple[str, bytes], Truth] = {}
        if not any((store.folder / "masks").glob("*.npz")):
            return
        test = store.index[store.index["split"] == "test"].sort_values(["clip", "frame"])
        for clip, rows in test.groupby("clip"):
            masks, frames = store.masks(clip), rows["frame"].to_numpy(np.int64)
            if masks is not None:
                self._size = self._size or grid(masks.shape[1], masks.shape[2], short_side)
                masks = resize_masks(masks, self._size)
            if masks is not None or not rows["label"].any():
                self._clips[clip] = (frames, masks)

    def locate(self, folder: Path) -> list[Located]:
        """The maps in ``folder`` (<clip>.npz with frames, maps) with their truth; empty where either is missing."""
        located: list[Located] = []
        if self._size is None:
            return located
        for clip in self._clips:
            path = folder / f"{clip}.npz"
            if path.exists():
                saved = artifacts.load_arrays(path)
                truth = self._truth(clip, saved["frames"], self._size)
                located.append(Located(resize_maps(saved["maps"], self._size), truth))
        return located

    def _truth(self, clip: str, wanted: np.ndarray, size: tuple[int, int]) -> Truth:
        """The truth of the frames ``wanted``, found once for all detectors that have the same ones."""
        key = (clip, wanted.tobytes())
        if key not in self._truths:
            frames, masks = self._clips[clip]
            masks = np.zeros((len(frames), *size), dtype=bool) if masks is None else masks
            self._truths[key] = Truth.of(masks[np.searchsorted(frames, wanted)])
        return self._truths[key]
