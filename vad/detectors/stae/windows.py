"""What the spatio-temporal autoencoder looks at: small gray films of what moves in a clip, and windows of them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from tqdm import tqdm

from vad.data.frames import Clip
from vad.detectors.stae.network import SIZE, WINDOW
from vad.pipeline.stage import workers

SPAN = 2 * WINDOW  # frames of a training window: past and future
CONTRAST = 64.0  # gray levels that become 1
BACKGROUND_FRAMES = 31
CELL = 8  # pixels: how finely it is known where in a picture something moves


@dataclass(frozen=True)
class Film:
    """A clip's frames, shrunk, gray, in steps.

    Attributes:
        frames: (N,) frame numbers, evenly spaced in time.
        pictures: (N, 128, 128) uint8.
        background: (128, 128) uint8, the median picture.
        scene: the clip's.
    """

    frames: np.ndarray
    pictures: np.ndarray
    background: np.ndarray
    scene: str = ""

    def moving(self, rows: np.ndarray | slice) -> np.ndarray:
        """(n, 128, 128) float32 difference to the background, -4 to 4; rows past an end repeat the end frame."""
        if not isinstance(rows, slice):
            rows = np.clip(rows, 0, len(self.frames) - 1)
        return (self.pictures[rows].astype(np.float32) - self.background.astype(np.float32)) / CONTRAST


def film(clip: Clip, frames: np.ndarray, step_seconds: float) -> Film:
    """Every ``step``-th of ``frames``, the step being ``step_seconds`` in whole frames."""
    step = max(1, round(step_seconds * clip.fps))
    frames = frames[::step]
    with ThreadPoolExecutor(workers()) as pool:
        pictures = np.stack(list(pool.map(lambda frame: shrunk(clip.read_gray(int(frame))), frames)))
    rows = np.linspace(0, len(frames) - 1, min(BACKGROUND_FRAMES, len(frames))).round().astype(int)
    return Film(frames, pictures, np.median(pictures[rows], axis=0).astype(np.uint8), clip.scene)


def shrunk(gray: np.ndarray) -> np.ndarray:
    """(H, W) uint8 -> (128, 128)."""
    return cv2.resize(gray, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def films(clips: Sequence[Clip], step_seconds: float, most: int) -> list[Film]:
    """The films of the clips' permitted frames; of every n-th clip where all make more than ``most`` pictures."""
    pictures = sum(len(clip.frames) // max(1, round(step_seconds * clip.fps)) for clip in clips)
    chosen = clips[:: max(1, -(-pictures // most))]
    made = [
        film(clip, clip.frames, step_seconds) for clip in tqdm(chosen, desc="read", unit="clip") if len(clip.frames)
    ]
    return [one for one in made if len(one.frames) >= SPAN]


class Windows:
    """Training windows of several films, drawn by how much moves in them.

    A draw depends on the seed and the number of the step alone, never on the draws before it: a run that was
    interrupted goes on with the windows it would have seen.
    """

    def __init__(self, films: Sequence[Film]) -> None:
        self.films = films
        self.places = [(f, start) for f, one in enumerate(films) for start in range(len(one.frames) - SPAN + 1)]
        self._changes = [_changes(one) for one in films]
        self.chances = _half_even(np.concatenate([_motion(one) for one in films]))

    def draw(self, size: int, seed: int, step: int, crop: int, blur: float, tilt: float) -> np.ndarray:
        """(size, 1, 32, crop, crop) float32 augmented pieces of windows, of step ``step``.

        Most of a surveillance picture is ground; a piece of it, more often where more moves, teaches as much for a
        part of the time.
        """
        random = np.random.default_rng([seed, step])
        chosen = random.choice(len(self.places), size, p=self.chances)
        return np.stack([_augmented(self._piece(i, crop, random), random, blur, tilt) for i in chosen])[:, None]

    def _piece(self, place: int, crop: int, random: np.random.Generator) -> np.ndarray:
        """(32, crop, crop) of a window, around where something moves or around anywhere."""
        film, start = self.places[place]
        moved = self._changes[film][start + SPAN - 1] - self._changes[film][start]  # (cells, cells)
        cell = random.choice(moved.size, p=_half_even(moved.ravel()))
        centre = np.array(np.unravel_index(cell, moved.shape)) * CELL + random.integers(0, CELL, 2)
        top, left = np.clip(centre - crop // 2, 0, SIZE - crop)
        return self._cut(place)[:, top : top + crop, left : left + crop]

    def spread(self, size: int) -> np.ndarray:
        """(size, 1, 32, 128, 128) windows evenly spread over all films, as they are; fewer where there are fewer."""
        chosen = np.unique(np.linspace(0, len(self.places) - 1, size).round().astype(int))
        return np.stack([self._cut(i) for i in chosen])[:, None]

    def _cut(self, place: int) -> np.ndarray:
        film, start = self.places[place]
        return self.films[film].moving(slice(start, start + SPAN))


def most_moving(film: Film) -> int:
    """The row at which the window begins in which most moves; 0 for a film shorter than a window."""
    return int(_motion(film).argmax()) if len(film.frames) >= SPAN else 0


def _motion(film: Film) -> np.ndarray:
    """Mean absolute change between neighbouring pictures, for the window at each start."""
    change = [cv2.absdiff(a, b).mean() for a, b in zip(film.pictures[:-1], film.pictures[1:], strict=True)]
    total = np.concatenate([[0.0], np.cumsum(change)])
    return (total[SPAN - 1 :] - total[: len(total) - SPAN + 1]) / (SPAN - 1)


def _changes(film: Film) -> np.ndarray:
    """(N, 16, 16) float32 how much had changed in each cell, between neighbouring pictures, up to each picture."""
    cells = (SIZE // CELL, SIZE // CELL)
    pairs = zip(film.pictures[:-1], film.pictures[1:], strict=True)
    change = [cv2.resize(cv2.absdiff(a, b).astype(np.float32), cells, interpolation=cv2.INTER_AREA) for a, b in pairs]
    return np.cumsum(np.stack([np.zeros(cells, np.float32), *change]), axis=0)


def _half_even(moved: np.ndarray) -> np.ndarray:
    """(n,) chances to be drawn: half by motion, half evenly."""
    moved = np.maximum(moved, 0).astype(np.float64)
    chances = moved + moved.mean() + 1e-9
    return chances / chances.sum()


def _augmented(window: np.ndarray, random: np.random.Generator, blur: float, tilt: float) -> np.ndarray:
    """The (32, h, w) window, blurred by up to ``blur`` pixels (sigma) and turned by up to ``tilt`` degrees.

    Every other window runs backwards: a clip's first frames are foretold from what follows them.
    """
    sigma, angle = random.uniform(0, blur), random.uniform(-tilt, tilt)
    height, width = window.shape[1:]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    pictures: np.ndarray | list[np.ndarray] = window[:: random.choice([-1, 1])]
    if sigma > 0.3:  # a narrower Gaussian changes nothing
        pictures = [cv2.GaussianBlur(picture, (0, 0), sigma) for picture in pictures]
    if abs(angle) > 0.1:
        pictures = [cv2.warpAffine(picture, turn, (width, height)) for picture in pictures]
    return np.asarray(pictures, dtype=np.float32)
