"""Videos with a planted anomaly, a bright flash, and a scorer that sees it: what stands in for a fitted bundle."""

from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

from vad.deploy.stream import FUSION, Reading, Scored
from vad.perception.camera import Camera

FPS = 25


def video(
    path: Path, seconds: float, flashes: list[tuple[float, float]], size=(160, 96), fps: int = FPS, b_frames: int = 2
) -> Path:
    """An H.264 file, a square wandering over dark ground; during ``flashes`` (from, to) a quarter of it is white."""
    with av.open(str(path), "w") as container:
        options = {"g": str(fps), "bf": str(b_frames), "preset": "ultrafast", "crf": "18"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.thread_count = 1
        for number in range(round(seconds * fps)):
            image = picture(number, any(a <= number / fps < b for a, b in flashes), size)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def picture(number: int, flash: bool, size=(160, 96)) -> np.ndarray:
    """(H, W, 3) uint8."""
    width, height = size
    image = np.full((height, width, 3), 40, np.uint8)
    x = number * 2 % (width - 16)
    image[height // 2 : height // 2 + 16, x : x + 16] = 90
    if flash:
        image[: height // 2, width // 2 :] = 255
    return image


@dataclass
class Brightness:
    """A scorer whose one detector calls bright frames abnormal: calibrated is 0.999 where a flash is, else 0.5."""

    camera: Camera
    latency: int = 3
    thresholds: dict[str, float] = field(default_factory=lambda: {"brightness": 0.99, FUSION: 0.99})
    pushed: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self._waiting: list[Scored] = []

    def push(self, image: np.ndarray, seconds: float) -> list[Scored]:
        assert image.shape == (*self.camera.size[::-1], 3)
        small = image[::4, ::4].mean(axis=2)
        bright = float((small > 200).mean())
        calibrated = 0.999 if bright > 0.1 else 0.5
        reading = Reading(bright, bright, calibrated, small.astype(np.float16))
        fused = Reading(bright, bright, calibrated, None)
        self._waiting.append(Scored(self.pushed, seconds, {"brightness": reading, FUSION: fused}))
        self.pushed += 1
        return [self._waiting.pop(0)] if len(self._waiting) > self.latency else []

    def close(self) -> list[Scored]:
        self.closed = True
        rest, self._waiting = self._waiting, []
        return rest


class FlashBundle:
    """A bundle of that one detector; it knows the scene "01"."""

    def __init__(self) -> None:
        self.detectors = ["brightness"]
        self.scenes = ["01"]
        self.thresholds = {"brightness": 0.99, FUSION: 0.99}
        self.scene_thresholds: dict[str, dict[str, float]] = {}
        self.card: dict = {}
        self.opened: list[Brightness] = []

    def open(self, camera: Camera, sample: list[np.ndarray] | None = None) -> Brightness:
        self.opened.append(Brightness(camera))
        return self.opened[-1]
