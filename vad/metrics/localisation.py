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

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from vad.data.frames import FrameStore
from vad.metrics.measures import Params
from vad.pipeline import artifacts

# Every float16 by its bits: tables over it replace sorting and searching.
HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
TOGETHER = 10  # thresholds that are looked at while a clip's maps are in memory
CACHED = 32  # clips whose maps are kept for the next look at them


@dataclass(frozen=True)
class Truth:
    """One clip's masks and their regions and tracks, small enough to be kept for every clip.

    Attributes:
        bits: the masks, a bit a cell; shape: (N, h, w).
        cells: (K,) positions of the masks' cells in the tall picture of :func:`_tall`; region: (K,) theirs, 0..R-1.
        track: (R,) the track of each region; sizes: (R,) its cells.
    """

    bits: np.ndarray
    shape: tuple[int, int, int]
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
        sizes = np.bincount(region, minlength=count - 1)
        small = cells.astype(np.int32), region.astype(np.int32)
        return cls(np.packbits(masks), (len(masks), *masks.shape[1:]), *small, track, sizes)

    @property
    def masks(self) -> np.ndarray:
        """(N, h, w) bool, frames in order of time."""
        return np.unpackbits(self.bits, count=int(np.prod(self.shape))).reshape(self.shape).astype(bool)


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


def pixel_roc_auc(clips: Collection[Located]) -> float:
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


def region_criteria(clips: Collection[Located], params: Params) -> tuple[float, float]:
    """(RBDC, TBDC), each in [0, 1]; NaN where the masks are empty.

    Args:
        clips: gone through several times, one clip held at a time.
    """
    survey = _Survey.of(clips)
    if not survey.regions:
        return float("nan"), float("nan")
    reached = survey.reached(params.map_thresholds)
    points = [(0.0, 0.0, 0.0)]
    levels = list(range(int(reached[survey.highest.view(np.uint16)]), 0, -1))
    for start in range(0, len(levels), TOGETHER):
        found = _at_levels(clips, reached, levels[start : start + TOGETHER], params)
        for false_regions, regions, tracks in found:
            points.append((false_regions / survey.frames, regions / survey.regions, tracks / survey.tracks))
            if points[-1][0] > 1:
                break
        if points[-1][0] > 1:
            break
    false, regions, tracks = np.array(points).T
    return _area(false, regions), _area(false, tracks)


@dataclass(frozen=True)
class _Survey:
    """What has to be known of all clips before any is judged.

    Attributes:
        frames, regions, tracks: their numbers; highest: the highest value of any map, float16.
        peaks: each frame's maximum; cells: as many cells as an average clip has, evenly spaced over all.
    """

    frames: int
    regions: int
    tracks: int
    highest: np.float16
    peaks: np.ndarray
    cells: np.ndarray

    @classmethod
    def of(cls, clips: Collection[Located]) -> "_Survey":
        frames = regions = tracks = 0
        peaks, cells = [np.empty(0, np.float16)], [np.empty(0, np.float16)]
        for clip in clips:
            frames += len(clip.maps)
            regions += len(clip.truth.sizes)
            tracks += len(np.unique(clip.truth.track))
            peaks.append(clip.maps.max(axis=(1, 2)))
            cells.append(clip.maps.ravel()[:: len(clips)].copy())
        every = np.concatenate(peaks)
        highest = every.max() if len(every) else np.float16(0)
        return cls(frames, regions, tracks, highest, every, np.concatenate(cells))

    def reached(self, count: int) -> np.ndarray:
        """(65536,) how many of the thresholds a float16 of these bits reaches.

        Half of the thresholds are quantiles of the frames' maxima, half of all cells.
        """
        shares, peaks, cells = np.linspace(0, 1, count // 2), self.peaks.astype(np.float32), self.cells
        cells = cells[:: max(1, len(cells) // 100_000)].astype(np.float32)
        values = np.append(np.quantile(peaks, shares, method="higher"), np.quantile(cells, shares, method="higher"))
        return np.searchsorted(np.unique(values).astype(np.float16), HALVES, side="right").astype(np.uint16)


def _at_levels(
    clips: Collection[Located], reached: np.ndarray, levels: list[int], params: Params
) -> list[tuple[int, int, int]]:
    """Per level: false-positive regions, detected regions and detected tracks of all clips together."""
    sums = np.zeros((len(levels), 3), np.int64)
    for clip in clips:
        own = _tall(reached[clip.maps.view(np.uint16)])
        for i, level in enumerate(levels):
            false, regions, tracks = _detect(own >= level, clip.truth, params)
            sums[i] += false, regions.sum(), tracks.sum()
    return [(int(false), int(regions), int(tracks)) for false, regions, tracks in sums]


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
    """The test clips' pixel masks on one grid, to lay detectors' maps over; one bit a cell.

    Args:
        store: masks are read from it; a clip without a mask file counts as empty if it has no abnormal frame, and is
            left out otherwise.
        short_side: of the grid.

    Attributes:
        size: (height, width) of the grid; None where there are no masks.
        clips: clip -> its frame numbers, and its masks on the grid, packed; None in their place counts as empty.
    """

    def __init__(self, store: FrameStore, short_side: int) -> None:
        self.size: tuple[int, int] | None = None
        self.clips: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
        self._truths: dict[tuple[str, bytes], Truth] = {}
        if not any((store.folder / "masks").glob("*.npz")):
            return
        test = store.index[store.index["split"] == "test"].sort_values(["clip", "frame"])
        for clip, rows in test.groupby("clip"):
            masks, frames = store.masks(clip), rows["frame"].to_numpy(np.int64)
            if masks is not None:
                self.size = self.size or grid(masks.shape[1], masks.shape[2], short_side)
                self.clips[clip] = (frames, np.packbits(resize_masks(masks, self.size), axis=None))
            elif not rows["label"].any():
                self.clips[clip] = (frames, None)

    def locate(self, folder: Path) -> "Folder":
        """The maps in ``folder`` (<clip>.npz with frames, maps) with their truth; empty where either is missing."""
        paths = [folder / f"{clip}.npz" for clip in self.clips] if self.size is not None else []
        return Folder(self, [path for path in paths if path.exists()])

    def truth(self, clip: str, wanted: np.ndarray) -> Truth:
        """The truth of the frames ``wanted``, found once for all detectors that have the same ones."""
        key = (clip, hashlib.sha256(wanted.tobytes()).digest())
        if key not in self._truths:
            self._truths[key] = self._find(clip, wanted)
        return self._truths[key]

    def _find(self, clip: str, wanted: np.ndarray) -> Truth:
        frames, packed = self.clips[clip]
        assert self.size is not None
        if packed is None:
            masks = np.zeros((len(frames), *self.size), dtype=bool)
        else:
            count = len(frames) * self.size[0] * self.size[1]
            masks = np.unpackbits(packed, count=count).reshape(-1, *self.size).astype(bool)
        return Truth.of(masks[np.searchsorted(frames, wanted)])


@dataclass(frozen=True)
class Folder(Collection[Located]):
    """One detector's maps in files, each read when its turn comes; the first are kept for the next turn."""

    masks: GridMasks
    paths: list[Path]
    kept: dict[Path, Located] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Located]:
        for path in self.paths:
            if path in self.kept:
                yield self.kept[path]
                continue
            if len(self.kept) < CACHED:
                self.kept[path] = self._read(path)
                yield self.kept[path]
            else:
                yield self._read(path)

    def _read(self, path: Path) -> Located:
        saved = artifacts.load_arrays(path)
        assert self.masks.size is not None
        truth = self.masks.truth(path.stem, saved["frames"].astype(np.int64))
        return Located(resize_maps(saved["maps"], self.masks.size), truth)

    def __contains__(self, clip: object) -> bool:
        return any(clip is own for own in self)
