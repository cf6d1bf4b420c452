"""Pictures and short videos of a stored clip, with a detector's heat map over them."""

import tempfile
from pathlib import Path

import cv2
import numpy as np

from vad.data.frames import Clip
from vad.pipeline import artifacts
from vad.visualization import annotate

WIDTH = 640  # pixels at most; the browser enlarges what is stored smaller
CRF = 24  # of x264
LONGEST = 720  # frames of one video: half a minute at 24 frames per second, encoded in about a second


def score_maps(path: Path) -> dict[int, np.ndarray]:
    """Frame number -> (h, w) float map of the stored maps at ``path``; empty where there are none."""
    if not path.exists():
        return {}
    stored = artifacts.load_arrays(path)
    return dict(zip(stored["frames"].tolist(), stored["maps"], strict=True))


def encode(
    clip: Clip, frames: np.ndarray, maps: dict[int, np.ndarray], limits: tuple[float, float], opacity: float
) -> bytes:
    """The ``frames`` of ``clip`` as an MP4 that browsers play, at the clip's own pace."""
    step = float(np.median(np.diff(frames))) if len(frames) > 1 else 1.0
    width = min(WIDTH, clip.size[0]) // 2 * 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "segment.mp4"
        pictures = (_even(annotate.picture(clip, int(frame), maps, limits, width, opacity)) for frame in frames)
        annotate.write(pictures, path, clip.fps / max(1.0, step), CRF)
        return path.read_bytes()


def _even(picture: np.ndarray) -> np.ndarray:
    return picture[: len(picture) // 2 * 2]


def jpeg(picture: np.ndarray) -> bytes:
    """An (H, W, 3) uint8 RGB picture as JPEG."""
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def segment(frames: np.ndarray, around: int, longest: int = LONGEST) -> np.ndarray:
    """At most ``longest`` consecutive entries of ascending (N,) ``frames``, the frame ``around`` in the middle."""
    place = int(np.searchsorted(frames, around))
    start = max(0, min(place - longest // 2, len(frames) - longest))
    return frames[start : start + longest]
