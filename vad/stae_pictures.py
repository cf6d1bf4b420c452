"""What the spatio-temporal autoencoder makes of a window: past, reconstruction, true future and predicted future."""

from pathlib import Path

import cv2
import numpy as np
import torch

from vad import artifacts
from vad.frames import Clip
from vad.stae import Detector
from vad.stae_network import WINDOW, mixed
from vad.stae_windows import CONTRAST, SPAN, Film, film, most_moving

ROWS = ("past", "reconstruction", "future", "prediction")
SHOWN = (0, 5, 10, 15)  # of the 16 frames of each row
LABEL_WIDTH, SCALE = 110, 1.25


def pictures(detector: Detector, clip: Clip, path: Path | str) -> None:
    """Write a PNG of four rows of frames: ``ROWS``, from the window of ``clip`` in which most moves."""
    seen = film(clip, clip.stored, detector.params.step_seconds)
    rows = [_row(name, strip) for name, strip in zip(ROWS, strips(detector, seen), strict=True)]
    with artifacts.replacing(path) as temporary:
        cv2.imwrite(str(temporary), np.vstack(rows))


@torch.inference_mode()
def strips(detector: Detector, seen: Film) -> np.ndarray:
    """(4, 16, 128, 128) uint8 gray: the rows' frames, the background added again."""
    start = most_moving(seen)
    window = torch.from_numpy(seen.moving(np.arange(start, start + SPAN)))  # (32, 128, 128)
    past = window[None, None, :WINDOW].to(detector.device)
    with mixed(detector.device):
        reconstruction, prediction = (given[0, 0].float().cpu() for given in detector.network(past))
    moving = torch.stack([window[:WINDOW], reconstruction, window[WINDOW:], prediction]).numpy()
    return np.clip(moving * CONTRAST + seen.background, 0, 255).round().astype(np.uint8)


def _row(name: str, strip: np.ndarray) -> np.ndarray:
    frames = [cv2.resize(strip[shown], None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_LINEAR) for shown in SHOWN]
    label = np.full((len(frames[0]), LABEL_WIDTH), 255, np.uint8)
    cv2.putText(label, name, (4, len(label) // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA)
    return np.hstack([label, *frames])
