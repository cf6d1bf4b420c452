"""Dense optical flow of a clip, averaged over a short window of time.

Dense inverse search (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016) between consecutive
stored frames, at a bounded working height, kept on a coarse grid of cells. Flow of one pair is noisy and swings with
the gait; its mean over about a second at a fixed place is the speed with which something crosses that place.

OpenCV's DIS splits the image by its number of threads, so its result depends on it: each flow is computed by one
thread, and the pairs are spread over threads instead. The result does not depend on the number of workers.
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from vad.data.frames import Clip
from vad.pipeline import stage

CELL = 4  # side of a cell of the flow grid, in working pixels
CHUNK = 256  # frames whose flow is held in memory at once

_own = threading.local()


def working_size(size: tuple[int, int], height: int) -> tuple[int, int]:
    """(width, height) in whole cells of a frame of ``size`` = (width, height) brought to at most ``height`` pixels."""
    scale = min(1.0, height / size[1])
    width, height = (max(2, round(side * scale / CELL)) * CELL for side in size)
    return width, height


def read_working(clip: Clip, frame: int, height: int) -> np.ndarray:
    """Frame number ``frame`` as (h, w) uint8 gray at the working size."""
    gray = clip.read_gray(frame)
    size = working_size((gray.shape[1], gray.shape[0]), height)
    return gray if gray.shape[::-1] == size else cv2.resize(gray, size, interpolation=cv2.INTER_AREA)


def averaged(clip: Clip, height: int, seconds: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Flow around each of ``clip.frames``, averaged over ``seconds`` centred on it within the clip.

    Args:
        height: working height in pixels; taller frames are shrunk to it.
        seconds: length of the window; an odd number of frames, one for 0.

    Yields:
        ((B,) frame numbers, (B, h, w, 2) float32 flow in frame heights per second on the grid of cells).
    """
    half = max(0, round((seconds * clip.fps - 1) / 2))
    at = np.searchsorted(clip.stored, clip.frames)
    for start in range(0, len(at), CHUNK):
        part = at[start : start + CHUNK]
        first, last = np.maximum(part - half, 0), np.minimum(part + half, len(clip.stored) - 1)
        needed = np.unique(np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]))
        flows = _pair_flows(clip, needed, height)
        begin, end = np.searchsorted(needed, first), np.searchsorted(needed, last) + 1
        mean = np.stack([flows[a:b].mean(axis=0) for a, b in zip(begin, end, strict=True)])
        yield clip.stored[part], mean * np.float32(clip.fps / (flows.shape[1] * CELL))


def _pair_flows(clip: Clip, positions: np.ndarray, height: int) -> np.ndarray:
    """Flow in working pixels per stored frame that arrives at each position of ``clip.stored``; (P, h, w, 2) float32.

    The first position takes the flow that leaves it; a clip of one frame stands still.
    """
    cv2.setNumThreads(1)
    ends = np.maximum(positions, min(1, len(clip.stored) - 1))
    reads = np.unique(np.concatenate([ends, np.maximum(ends - 1, 0)]))
    with ThreadPoolExecutor(stage.workers()) as pool:
        images = dict(zip(reads, pool.map(lambda p: read_working(clip, clip.stored[p], height), reads), strict=True))
        return np.stack(list(pool.map(lambda p: _pair_flow(images[max(p - 1, 0)], images[p]), ends)))


def _pair_flow(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    if not hasattr(_own, "dis"):
        _own.dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        _own.dis.setFinestScale(1)
        # Variational refinement takes half of the time and was no better on campus-sim: the mean over time smooths.
        _own.dis.setVariationalRefinementIterations(0)
    full = _own.dis.calc(before, after, None)
    return cv2.resize(full, (full.shape[1] // CELL, full.shape[0] // CELL), interpolation=cv2.INTER_AREA)


def spread(clips: Sequence[Clip], most: int, run: int) -> list[Clip]:
    """At most about ``most`` frames of ``clips``, as evenly spread runs of ``run`` consecutive frames.

    Runs, not single frames: the averaging window's flow is shared within a run. All scenes get the same number of
    frames as far as they have them, so that one busy camera does not crowd out the others.
    """
    scenes: dict[str, list[Clip]] = {}
    for clip in clips:
        scenes.setdefault(clip.scene, []).append(clip)
    return [part for own in scenes.values() for part in _spread_scene(own, max(run, most // len(scenes)), run)]


def _spread_scene(clips: list[Clip], most: int, run: int) -> list[Clip]:
    if sum(len(clip.frames) for clip in clips) <= most:
        return list(clips)
    starts = [(clip, start) for clip in clips for start in range(0, max(1, len(clip.frames) - run + 1), run)]
    chosen = np.unique(np.linspace(0, len(starts) - 1, max(1, min(most // run, len(starts)))).round().astype(int))
    frames: dict[str, list[np.ndarray]] = {}
    for clip, start in (starts[i] for i in chosen):
        frames.setdefault(clip.name, []).append(clip.frames[start : start + run])
    return [clip.only(np.concatenate(frames[clip.name])) for clip in clips if clip.name in frames]
