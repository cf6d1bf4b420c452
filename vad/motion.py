"""``motion``: things that move faster than things move at that place.

Optical flow is averaged over a short time and over the area of one typical object, and its magnitude divided by the
height of an object at that row, which gives body heights per second whatever the distance. The fit keeps, for every
position of a scene, the distribution of the fastest points of normal moving objects: a log-normal, its median by
position, its scale one-sided (from the median up). A position's score is -log10 of the probability that a normal
object there is as fast, a frame's score the maximum.

One-sided by design: slow or resting anomalies (a fall after the fall itself, lingering, an abandoned object) look
normal to it. Speed as the cue: Georgescu et al. 2021, Reiss & Hoshen 2022 (velocity features), here without a detector.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import pydantic
from tqdm import tqdm

from vad.flow import averaged, spread
from vad.foreground import ObjectSize, background, object_size
from vad.frames import Clip
from vad.params import Section
from vad.speed import USUAL_SPEED, Windows, speed_by_position, surprise

SOURCE = "frames"
ROLE = "fit_all"
LABELLED = False

POOLED = "pooled"  # the state used for a scene that has no training clip
RUN = 40  # consecutive frames that a fit reads at a time


class Params(Section):
    """Section ``motion``."""

    height: int = pydantic.Field(ge=64, le=1080)
    window_seconds: float = pydantic.Field(gt=0, le=10)
    max_fit_frames: int = pydantic.Field(ge=100)
    shrinkage: float = pydantic.Field(gt=0)


def fit(clips: Sequence[Clip], params: Params, seed: int) -> dict[str, np.ndarray]:
    """Object sizes and speeds of every scene, and of all scenes pooled.

    Returns:
        ``<scene>.size`` (5,): ``ObjectSize.line``; ``<scene>.speed`` (2, *NODES) float32: median of the log speed and
        its one-sided scale; the same under ``POOLED``.
    """
    scenes = sorted({clip.scene for clip in clips})
    sizes = {}
    for scene in scenes:
        own = [clip for clip in clips if clip.scene == scene]
        sizes[scene] = object_size(own, background(own, params.height))
    sizes[POOLED] = ObjectSize(np.median([size.line for size in sizes.values()], axis=0))
    peaks = _training_peaks(spread(clips, params.max_fit_frames, RUN), sizes, params)
    every = np.concatenate([*peaks.values(), np.array([[0.5, 0.5, np.log(USUAL_SPEED)]])])
    state = {}
    for scene in [*scenes, POOLED]:
        state[f"{scene}.size"] = sizes[scene].line
        state[f"{scene}.speed"] = speed_by_position(peaks.get(scene, every[:0]), every, sizes[scene], params.shrinkage)
    return state


def _training_peaks(clips: Sequence[Clip], sizes: dict[str, ObjectSize], params: Params) -> dict[str, np.ndarray]:
    """Scene -> (P, 3) row, column (fractions of the frame) and log speed of the fastest points of moving objects."""
    peaks: dict[str, list[np.ndarray]] = {}
    with tqdm(total=sum(len(clip.frames) for clip in clips), desc="fit motion", unit="frame") as bar:
        for clip in clips:
            windows = None
            for frames, flow in averaged(clip, params.height, params.window_seconds):
                windows = windows or Windows(flow.shape[1:3], sizes[clip.scene])
                peaks.setdefault(clip.scene, []).extend(windows.peaks(windows.speed(one)) for one in flow)
                bar.update(len(frames))
    return {scene: np.concatenate(own) for scene, own in peaks.items()}


class Detector:
    """The fitted detector."""

    def __init__(self, state: dict[str, np.ndarray], params: Params) -> None:
        self._state = state
        self._params = params

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
        """Surprise at the speed of each of ``clip.frames``.

        Returns:
            (N,) float32, -log10 of the probability of the most surprising speed; its (N, h, w) float16 map on the
            grid of ``vad.flow.CELL`` working pixels.
        """
        scene = clip.scene if f"{clip.scene}.size" in self._state else POOLED
        size = ObjectSize(self._state[f"{scene}.size"])
        scores, maps = [], []
        windows = None
        for _, flow in averaged(clip, self._params.height, self._params.window_seconds):
            if windows is None:
                windows = Windows(flow.shape[1:3], size)
                middle, scale = (cv2.resize(table, flow.shape[2:0:-1]) for table in self._state[f"{scene}.speed"])
            for one in flow:
                surprises = surprise(windows.speed(one), middle, scale)
                scores.append(surprises.max())
                maps.append(surprises.astype(np.float16))
        return np.array(scores, np.float32), np.stack(maps)
