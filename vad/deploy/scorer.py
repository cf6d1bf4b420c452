"""One camera at work: every detector of a bundle on each frame, smoothed by the past, calibrated and fused."""

from collections import deque
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
import pandas as pd

from vad.data.packing import stored_size
from vad.deploy.stream import FUSION, Reading, Scored
from vad.detectors.streaming import Judged, Stream, Streaming
from vad.perception import detection
from vad.perception.camera import Camera
from vad.perception.sight import Perception, Sight, View
from vad.pipeline.errors import UserError
from vad.post_processing import temporal
from vad.post_processing.calibration import Distribution, surprise


@dataclass(frozen=True)
class Calibration:
    """How raw scores become comparable.

    Attributes:
        levels: detector -> from which value on its map says where, see ``Reading``.
        temporal: the smoothing. normal: by detector and ``FUSION``, (M,) scores of held-out normal video: smoothed by
            the past for a detector, combined for the fusion. weights: of the detectors in the fusion, summing to 1.
    """

    temporal: temporal.Params
    normal: dict[str, np.ndarray]
    weights: dict[str, float]
    levels: dict[str, float] = field(default_factory=dict)

    def calibrated(self, name: str, value: float) -> float:
        """``value`` as a quantile of the normal ones."""
        return float(self._distributions[name].quantile(np.array([value]))[0])

    @cached_property
    def _distributions(self) -> dict[str, Distribution]:
        return {name: Distribution.of(normal) for name, normal in self.normal.items()}

    def of(self, detectors: list[str]) -> "Calibration":
        """The same for some of the detectors: their weights, as shares of what they have together."""
        total = sum(self.weights[name] for name in detectors) or 1.0
        normal = {name: self.normal[name] for name in (*detectors, FUSION)}
        weights = {name: self.weights[name] / total for name in detectors}
        return Calibration(self.temporal, normal, weights, self.levels)

    def fused(self, calibrated: dict[str, float]) -> float:
        """Calibrated scores as one: the weighted mean of their surprises."""
        return float(sum(weight * surprise(calibrated[name]) for name, weight in self.weights.items()))


class CameraScorer:
    """See :class:`vad.deploy.stream.Scorer`.

    Args:
        detectors: by name, fitted. perception: of the camera at its stored size, with what the detectors look at.
        camera: as it delivers its frames.
        short_side: to which larger frames are brought, pixels; None: never.
        stride: every so many-th frame is scored; all are seen.
    """

    def __init__(
        self,
        detectors: dict[str, Streaming],
        perception: Perception,
        camera: Camera,
        calibration: Calibration,
        thresholds: dict[str, float],
        short_side: int | None,
        stride: int = 1,
    ) -> None:
        self.camera, self.thresholds = camera, thresholds
        self.perception, self._calibration = perception, calibration
        self._size, self._stride = stored_size(*camera.size, short_side), stride
        self._streams: dict[str, Stream] = {name: one.stream(perception) for name, one in detectors.items()}
        self._objects = detection.known(perception)
        self._smoothing = {name: temporal.Causal(camera.fps, calibration.temporal) for name in detectors}
        self._waiting: deque[tuple[int, float]] = deque()
        self._judged: dict[str, deque[Judged]] = {name: deque() for name in detectors}
        self._boxes: dict[int, np.ndarray] = {}
        self._began: float | None = None
        self._last: tuple[int, float] = (-1, -np.inf)
        self.latency = max(stream.latency for stream in self._streams.values())

    def push(self, image: np.ndarray, seconds: float) -> list[Scored]:
        """See :meth:`vad.deploy.stream.Scorer.push`."""
        if image.shape != (self.camera.size[1], self.camera.size[0], 3) or image.dtype != np.uint8:
            raise UserError(
                f"{self.camera.name}: a frame of {image.shape} {image.dtype} came, where the camera's are "
                f"{self.camera.size[0]}x{self.camera.size[1]} RGB"
            )
        if seconds < self._last[1]:
            raise UserError(f"{self.camera.name}: time went back from {self._last[1]:.3f} s to {seconds:.3f} s")
        self._began = seconds if self._began is None else self._began
        frame = max(self._last[0] + 1, round((seconds - self._began) * self.camera.fps))
        self._last = (frame, seconds)
        wanted = frame % self._stride == 0
        if image.shape[1::-1] != self._size:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        if wanted:
            self._waiting.append((frame, seconds))
        return self._see(Sight([View(frame, image, wanted)]))

    def close(self) -> list[Scored]:
        """See :meth:`vad.deploy.stream.Scorer.close`."""
        return self._see(Sight([], last=True))

    def _see(self, sight: Sight) -> list[Scored]:
        if isinstance(self._objects, detection.Finder):
            self._objects.begin(sight)
        for name, stream in self._streams.items():
            self._judged[name].extend(stream.push(sight))
        if self._objects is not None:
            views, table = self._objects(sight)
            numbers, boxes = table["frame"].to_numpy(), self._in_pixels(table)
            for view in views:
                self._boxes[view.frame] = boxes[numbers == view.frame]
        done = []
        while self._waiting and all(self._judged.values()):
            done.append(self._scored(*self._waiting.popleft()))
        return done

    def _scored(self, frame: int, seconds: float) -> Scored:
        judged = {name: waiting.popleft() for name, waiting in self._judged.items()}
        assert all(one.frame == frame for one in judged.values()), "a stream lost a frame"
        readings = {}
        for name, one in judged.items():
            causal = self._smoothing[name].push(frame, float(one.score))
            p = self._calibration.calibrated(name, causal)
            readings[name] = Reading(float(one.score), causal, p, one.map, self._calibration.levels.get(name))
        fused = self._calibration.fused({name: reading.calibrated for name, reading in readings.items()})
        readings[FUSION] = Reading(fused, fused, self._calibration.calibrated(FUSION, fused))
        return Scored(frame, seconds, readings, self._boxes.pop(frame, None))

    def _in_pixels(self, table: pd.DataFrame) -> np.ndarray:
        scale = np.array(self.camera.size * 2) / np.array(self._size * 2)
        return detection.arrays(table).astype(np.float64) * scale
