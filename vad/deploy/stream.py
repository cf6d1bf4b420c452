"""One camera through a bundle's detectors, frame by frame: what goes in and what comes out.

    bundle = vad.deploy.bundle.load(folder)
    scorer = bundle.open(Camera("gate", scene="01", fps=25.0, size=(640, 360)))
    for image, seconds in frames:
        for scored in scorer.push(image, seconds):
            ...
    for scored in scorer.close():
        ...

Every frame that is pushed comes back exactly once and in order, ``scorer.latency`` frames later.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vad.perception.camera import Camera

FUSION = "fusion"  # the reading of all detectors together, beside theirs


@dataclass(frozen=True)
class Reading:
    """What one detector, or the fusion of all, says of one frame.

    Attributes:
        score: raw; higher is more abnormal.
        causal: ``score`` smoothed over the past alone.
        calibrated: in (0, 1), ``causal`` as a quantile of held-out normal video: 0.99 says that 1 % of it is as high.
        map: (h, w) float16 of where, on the detector's own grid over the whole frame; None where it has none.
        level: the map's value from which on a place stands out of held-out normal video; None where it has no scale of
            its own.
    """

    score: float
    causal: float
    calibrated: float
    map: np.ndarray | None = None
    level: float | None = None


@dataclass(frozen=True)
class Scored:
    """One frame.

    Attributes:
        frame: its number by time, at the camera's frames per second: dropped frames leave gaps.
        seconds: as it was pushed.
        readings: by detector name, and ``FUSION``.
        boxes: (N, 4) x1, y1, x2, y2 in pixels of the objects in it, where a detector looks at objects.
    """

    frame: int
    seconds: float
    readings: dict[str, Reading]
    boxes: np.ndarray | None = None


class Scorer(Protocol):
    """What ``Bundle.open`` gives.

    Attributes:
        camera: whose frames it takes.
        latency: a frame's readings come when so many later frames have been pushed.
        thresholds: by detector name and ``FUSION``, on the calibrated scale: an alarm where calibrated >= threshold.
    """

    camera: Camera
    latency: int
    thresholds: dict[str, float]

    def push(self, image: np.ndarray, seconds: float) -> list[Scored]:
        """Take the next frame, (H, W, 3) uint8 RGB of the camera's size, at ``seconds`` (ascending, any origin).

        Raises:
            UserError: the image has another size, or the time went back.
        """

    def close(self) -> list[Scored]:
        """The frames that have not come back yet; the scorer takes no more."""


class Bundle(Protocol):
    """What ``vad.deploy.bundle.load`` gives.

    Attributes:
        detectors: names, in the order of the card. scenes: those that were fitted.
        thresholds: by detector name and ``FUSION``; ``scene_thresholds``: scene -> the same, where tuned per scene.
        card: ``card.json``.
    """

    detectors: list[str]
    scenes: list[str]
    thresholds: dict[str, float]
    scene_thresholds: dict[str, dict[str, float]]
    card: dict

    def open(self, camera: Camera, sample: list[np.ndarray] | None = None) -> Scorer:
        """Start on one camera.

        Args:
            sample: some hundred frames, (H, W, 3) uint8 RGB, of the camera's own video, in pairs of consecutive ones
                that are spread over time: a scene that was not fitted is learnt from them.

        Raises:
            UserError: the scene was not fitted, no sample is given and a detector needs to know the scene.
        """
