"""Dense optical flow of a camera, averaged over a short window of time.

Dense inverse search (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016) between consecutive
frames, at a bounded working height, kept on a coarse grid of cells. Flow of one pair is noisy and swings with
the gait; its mean over about a second at a fixed place is the speed with which something crosses that place.

OpenCV's DIS splits the image by its number of threads, so its result depends on it: each flow is computed by one
thread, and the pairs are spread over threads instead. The result does not depend on the number of workers.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from vad.data.frames import Clip
from vad.perception.feeding import camera_of, parallel, sights
from vad.perception.sight import CELL, Perception, Sight, View, working_size

__all__ = ["CELL", "AveragedFlow", "PairFlow", "averaged", "centres", "spread", "working_size"]

CHUNK = 256  # frames of a clip whose averaged flow is given out at once

_own = threading.local()


class PairFlow:
    """Flow from frame to frame: shared by all that look at one camera at the working height ``height``."""

    def __init__(self, height: int) -> None:
        self.height = height
        self._before: tuple[int, np.ndarray] | None = None

    @classmethod
    def shared(cls, perception: Perception, height: int) -> "PairFlow":
        """The camera's own."""
        return perception.once((cls, height), lambda: cls(height))

    def __call__(self, sight: Sight) -> list[np.ndarray | None]:
        """For each view, the (h, w, 2) float32 flow in working pixels per frame that arrives at it.

        None for the first view of all. Over a gap in the frame numbers the flow is divided by its length.
        """
        return sight.once((self, "flow"), lambda: self._flows(sight.views))

    def _flows(self, views: list[View]) -> list[np.ndarray | None]:
        cv2.setNumThreads(1)
        known = [(view.frame, view.working_gray(self.height)) for view in views]
        pairs = list(zip([self._before, *known[:-1]], known, strict=True)) if known else []
        self._before = known[-1] if known else self._before
        return parallel(lambda pair: _pair_flow(*pair), pairs)


def _pair_flow(before: tuple[int, np.ndarray] | None, after: tuple[int, np.ndarray]) -> np.ndarray | None:
    if before is None:
        return None
    if not hasattr(_own, "dis"):
        _own.dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        _own.dis.setFinestScale(1)
        # Variational refinement takes half of the time and was no better on campus-sim: the mean over time smooths.
        _own.dis.setVariationalRefinementIterations(0)
    full = _own.dis.calc(before[1], after[1], None)
    flow = cv2.resize(full, (full.shape[1] // CELL, full.shape[0] // CELL), interpolation=cv2.INTER_AREA)
    return flow if after[0] - before[0] == 1 else flow / np.float32(after[0] - before[0])


class AveragedFlow:
    """Flow around each view, averaged over a window centred on it, as far as the stream reaches.

    Args:
        height: working height in pixels; taller frames are shrunk to it.
        seconds: length of the window; an odd number of frames, one for 0.

    Attributes:
        latency, past: frames after and before a view that its average needs.
    """

    def __init__(self, perception: Perception, height: int, seconds: float) -> None:
        self._fps = perception.camera.fps
        self._half = max(0, round((seconds * self._fps - 1) / 2))
        self._pairs = PairFlow.shared(perception, height)
        self._flows: deque[tuple[int, np.ndarray]] = deque()
        self._waiting: deque[View] = deque()
        self.latency, self.past = max(1, self._half), self._half + 1

    def push(self, sight: Sight) -> list[tuple[View, np.ndarray]]:
        """The wanted views that are complete now, each with its (h, w, 2) float32 flow in frame heights per second."""
        done = []
        for view, flow in zip(sight.views, self._pairs(sight), strict=True):
            if flow is not None and not self._flows and self._waiting:
                first = self._waiting[0].frame  # the stream's first frame takes the flow that leaves it
                self._flows.append((first, flow))
            self._waiting.append(view)
            if flow is not None:
                self._flows.append((view.frame, flow))
            done += self._complete(view.frame)
        if sight.last:
            done += self._complete(None)
        return done

    def _complete(self, newest: int | None) -> list[tuple[View, np.ndarray]]:
        """The waiting views whose window ends at ``newest`` or before it; all of them for None."""
        done = []
        while self._waiting and (newest is None or (self._waiting[0].frame + self._half <= newest and self._flows)):
            view = self._waiting.popleft()
            while self._flows and self._flows[0][0] < view.frame - self._half:
                self._flows.popleft()
            if view.wanted:
                done.append((view, self._mean(view)))
        return done

    def _mean(self, view: View) -> np.ndarray:
        inside = [flow for frame, flow in self._flows if frame <= view.frame + self._half]
        if not inside:  # the only frame of all: it stands still
            width, height = working_size(view.image.shape[1::-1], self._pairs.height)
            return np.zeros((height // CELL, width // CELL, 2), np.float32)
        mean = np.stack(inside).mean(axis=0)
        return mean * np.float32(self._fps / (mean.shape[0] * CELL))


def averaged(clip: Clip, height: int, seconds: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Flow around each of ``clip.frames``, see :class:`AveragedFlow`.

    Yields:
        ((B,) frame numbers, (B, h, w, 2) float32 flow in frame heights per second on the grid of cells).
    """
    flow = AveragedFlow(Perception(camera_of(clip)), height, seconds)
    frames, flows = [], []
    for sight in sights(clip, flow.past, flow.latency):
        for view, mean in flow.push(sight):
            frames.append(view.frame)
            flows.append(mean)
        if len(frames) >= CHUNK or (sight.last and frames):
            yield np.array(frames), np.stack(flows)
            frames, flows = [], []


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


def centres(clip: Clip) -> Clip:
    """``clip`` restricted to the middle of each run of consecutive frames: what a window of time is centred on.

    For clips that are stored in short runs, far apart; motion must not be averaged across the gaps.
    """
    steps = np.diff(clip.stored)
    runs = np.split(clip.stored, np.flatnonzero(steps > steps.min()) + 1) if len(steps) else [clip.stored]
    return clip.only([int(run[len(run) // 2]) for run in runs])
