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

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.detectors.streaming import Judged
from vad.perception.flow import AveragedFlow, averaged, spread
from vad.perception.foreground import ObjectSize
from vad.perception.scene import Scene, by_scene
from vad.perception.sight import Perception, Sight
from vad.perception.speed import USUAL_SPEED, Windows, speed_by_position, surprise
from vad.pipeline.params import Section

TITLE = "Motion"
READS = ("frames",)
ROLE = "fit_all"
LABELLED = False
BENCHMARK = {"score": "figure >= 60"}

POOLED = "pooled"  # the state used for a scene that has no training clip
RUN = 40  # consecutive frames that a fit reads at a time


class Params(Section):
    """Section ``motion``."""

    height: int = pydantic.Field(ge=64, le=1080)
    window: float = pydantic.Field(ge=0, le=4)
    max_fit_frames: int = pydantic.Field(ge=100, le=1_000_000)
    shrinkage: float = pydantic.Field(gt=0, le=1e6)


def fit(clips: Sequence[Clip], params: Params, seed: int) -> dict[str, np.ndarray]:
    """Object sizes, averaging windows and speeds of every scene, and of all scenes pooled.

    Returns:
        ``<scene>.size`` (5,): ``ObjectSize.line``; ``<scene>.seconds``: length of the window; ``<scene>.speed``
        (2, rows, columns): see ``vad.perception.speed.speed_by_position``; the same under ``POOLED``.
    """
    state = {}
    for scene, own in by_scene(clips).items():
        known = Scene.learn(own, params.height)
        state[f"{scene}.size"], state[f"{scene}.seconds"] = known.size.line, np.array(params.window * known.passing)
    scenes = [key.removesuffix(".size") for key in state if key.endswith(".size")]
    for key in ("size", "seconds"):
        state[f"{POOLED}.{key}"] = np.median([state[f"{scene}.{key}"] for scene in scenes], axis=0)
    peaks = _training_peaks(spread(clips, params.max_fit_frames, RUN), state, params)
    every = np.concatenate([*peaks.values(), np.array([[0.5, 0.5, np.log(USUAL_SPEED)]])])
    for scene in [*scenes, POOLED]:
        size = ObjectSize(state[f"{scene}.size"])
        state[f"{scene}.speed"] = speed_by_position(peaks.get(scene, every[:0]), every, size, params.shrinkage)
    return state


def _training_peaks(clips: Sequence[Clip], state: dict[str, np.ndarray], params: Params) -> dict[str, np.ndarray]:
    """Scene -> (P, 3) row, column (fractions of the frame) and log speed of the fastest points of moving objects."""
    peaks: dict[str, list[np.ndarray]] = {}
    with tqdm(total=sum(len(clip.frames) for clip in clips), desc="fit motion", unit="frame") as bar:
        for clip in clips:
            size, seconds = ObjectSize(state[f"{clip.scene}.size"]), float(state[f"{clip.scene}.seconds"])
            for frames, flow in averaged(clip, params.height, seconds):
                windows = Windows(flow.shape[1:3], size)
                peaks.setdefault(clip.scene, []).extend(windows.peaks(windows.speed(one)) for one in flow)
                bar.update(len(frames))
    return {scene: np.concatenate(own) for scene, own in peaks.items()}


class Detector:
    """The fitted detector."""

    def __init__(self, state: dict[str, np.ndarray], params: Params) -> None:
        self._state = state
        self._params = params

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """Surprise at the speed of each of ``clip.frames``.

        Returns:
            (N,) float32, -log10 of the probability of the most surprising speed; its (N, h, w) float16 map on the
            grid of ``vad.perception.flow.CELL`` working pixels.
        """
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> "Stream":
        """Start on one camera; a scene that was not fitted is judged by all scenes pooled."""
        scene = perception.camera.scene
        scene = scene if f"{scene}.size" in self._state else POOLED
        size, seconds, speed = (self._state[f"{scene}.{key}"] for key in ("size", "seconds", "speed"))
        return Stream(AveragedFlow(perception, self._params.height, float(seconds)), ObjectSize(size), speed)


class Stream:
    """One camera's frames; late by half of the window that flow is averaged over."""

    pixels = True

    def __init__(self, flow: AveragedFlow, size: ObjectSize, speed: np.ndarray) -> None:
        self._flow, self._size, self._speed = flow, size, speed
        self._windows: Windows | None = None
        self.latency, self.past = flow.latency, flow.past

    def push(self, sight: Sight) -> list[Judged]:
        """The frames whose window is complete."""
        return [self._judge(view.frame, flow) for view, flow in self._flow.push(sight)]

    def _judge(self, frame: int, flow: np.ndarray) -> Judged:
        if self._windows is None:
            self._windows = Windows(flow.shape[:2], self._size)
            self._normal = [cv2.resize(table, flow.shape[1::-1]) for table in self._speed]
        surprises = surprise(self._windows.speed(flow), *self._normal)
        return Judged(frame, np.float32(surprises.max()), surprises.astype(np.float16))
