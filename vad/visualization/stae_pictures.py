"""What the spatio-temporal autoencoder makes of a window: past, reconstruction, true future and predicted future.

Two windows stand side by side, one of held-out training video, which is normal, and one around the highest score of
the test clips: what the network gives back in one it should fail to give back in the other. The background is that of
training, the median of the clip's own pictures; scores are taken against the camera's (vad.detectors.stae.following).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from vad.data.frames import Clip
from vad.detectors.stae.detector import Detector
from vad.detectors.stae.network import WINDOW, mixed
from vad.detectors.stae.windows import CONTRAST, SPAN, Film, film, most_moving
from vad.visualization.style import grid, save

ROWS = ("past", "reconstruction", "true future", "predicted future", "prediction error")
SHOWN = (1, 8, 15)  # of the 16 frames of each row
TILE = 240  # pixels: width of one frame
GAP = 6  # pixels between frames
ERROR = 64.0  # gray levels that get the last colour


@dataclass(frozen=True)
class Example:
    """A window to look at.

    Attributes:
        title: printed above it.
        clip: its clip.
        frame: the frame number that should lie in the middle of the window's future; None: where most moves.
    """

    title: str
    clip: Clip
    frame: int | None = None


def examples(rows: pd.DataFrame, clips: Sequence[Clip]) -> list[Example]:
    """A normal window and the one at the highest peak, of the same scene where there is a held-out clip of it.

    Args:
        rows: the detector's scores: clip, frame, role (test | calibration), score.
        clips: all clips with pixels.

    Returns:
        None, one or both, the normal one first.
    """
    by_name = {clip.name: clip for clip in clips}
    rows = rows[rows["clip"].isin(by_name)]
    test = rows[rows["role"] == "test"]
    if test.empty:
        return []
    peak = test.sort_values(["score", "clip", "frame"], ascending=[False, True, True]).iloc[0]
    scene, number = by_name[peak["clip"]].scene, int(peak["frame"])
    held_out = sorted(rows.loc[rows["role"] == "calibration", "clip"].unique())
    normal = [name for name in held_out if by_name[name].scene == scene] or held_out
    shown = [Example(f"normal: {name}", by_name[name]) for name in normal[:1]]
    return [*shown, Example(f"highest score: {peak['clip']}, frame {number}", by_name[peak["clip"]], number)]


def draw(detector: Detector, shown: Sequence[Example], path: Path, dpi: int) -> None:
    """Write ``path``.png: one column per example, the rows of ``ROWS``, the frames of ``SHOWN``."""
    films = [film(one.clip, one.clip.stored, detector.params.step_seconds) for one in shown]
    sheets = [
        sheet(strips(detector, seen, start(seen, one.frame)), one.clip.size)
        for one, seen in zip(shown, films, strict=True)
    ]
    height, width = sheets[0].shape[:2]
    left, gap, top = 1.02, 0.12, 0.22
    cell = (6.33 - left - gap) / 2
    figure, axes = grid(len(sheets), 2, (cell, cell * height / width), (gap, 0), (left, 0.02, top, 0.02))
    for axis, one, image in zip(axes, shown, sheets, strict=True):
        axis.imshow(image, aspect="auto", interpolation="antialiased")
        axis.set_axis_off()
        axis.set_title(one.title, fontsize=7, pad=3)
    for row, name in enumerate(ROWS):
        axes[0].text(-0.02, 1 - (row + 0.5) / len(ROWS), name, transform=axes[0].transAxes, ha="right", va="center")
    save(figure, path, dpi)


def start(seen: Film, frame: int | None) -> int:
    """First row of the window with ``frame`` in the middle of its future, within the film; of most motion for None."""
    if frame is None:
        return most_moving(seen)
    row = int(np.abs(seen.frames - frame).argmin())
    return int(np.clip(row - WINDOW - WINDOW // 2, 0, max(0, len(seen.frames) - SPAN)))


@torch.inference_mode()
def strips(detector: Detector, seen: Film, begin: int) -> np.ndarray:
    """(4, 16, 128, 128) uint8 gray, the background added again: past, reconstruction, future, prediction."""
    window = torch.from_numpy(seen.moving(np.arange(begin, begin + SPAN)))  # (32, 128, 128)
    past = window[None, None, :WINDOW].to(detector.device)
    with mixed(detector.device):
        reconstruction, prediction = (given[0, 0].float().cpu() for given in detector.network(past))
    moving = torch.stack([window[:WINDOW], reconstruction, window[WINDOW:], prediction]).numpy()
    return np.clip(moving * CONTRAST + seen.background, 0, 255).round().astype(np.uint8)


def sheet(made: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The frames of ``SHOWN`` of each row, and how far the prediction is off, as one (H, W, 3) uint8 RGB picture.

    Args:
        made: (4, 16, 128, 128) from :func:`strips`.
        size: width and height of the clip, whose proportions the frames get back.
    """
    wrong = np.clip(cv2.absdiff(made[2], made[3]).astype(np.float32) / ERROR, 0, 1)
    colours = [cv2.applyColorMap((one * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1] for one in wrong]
    rows = [[cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB) for frame in strip] for strip in made] + [colours]
    tile = (TILE, round(TILE * size[1] / max(1, size[0])))
    lines = []
    for row in rows:
        tiles = [cv2.resize(row[place], tile, interpolation=cv2.INTER_LINEAR) for place in SHOWN]
        lines.append(_joined(tiles, axis=1))
    return _joined(lines, axis=0)


def _joined(images: list[np.ndarray], axis: int) -> np.ndarray:
    """``images`` with white gaps between them."""
    shape = list(images[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    return np.concatenate([part for image in images for part in (image, gap)][:-1], axis=axis)
