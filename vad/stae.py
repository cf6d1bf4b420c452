"""The spatio-temporal autoencoder of Zhao et al. (2017), "Spatio-Temporal AutoEncoder for Video Anomaly Detection".

A network trained on normal video gives back a window of 16 frames and foretells the next 16; where it fails, something
is new. Errors are taken on a grid of cells of 4 x 4 pixels, divided by what is usual for how far ahead the frame lies,
and averaged over all windows that see the frame. A frame has four errors: of reconstruction and of prediction, over the
whole frame and in the worst block of about a pedestrian's size. Each is standardised on training clips that the network
did not learn from; the score is their mean (of the reconstruction's two alone in a clip's first frames, which nothing
foretells).
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pydantic
import torch

from vad import stage
from vad.errors import UserError
from vad.frames import Clip
from vad.params import Section
from vad.stae_network import SIZE, WINDOW, Network, horizon_weights, mixed
from vad.stae_training import Training, key
from vad.stae_windows import SPAN, Film, Windows, film, films

log = logging.getLogger(__name__)

SOURCE = "frames"
ROLE = "fit_all"
LABELLED = False

CHECKPOINTS = Path("data/checkpoints/stae")
CELL = 4  # pixels: the map has 128 / 4 = 32 rows and columns
KINDS = ("reconstruction", "prediction")


class Params(Section):
    steps: int = pydantic.Field(ge=1)
    batch: int = pydantic.Field(ge=1, le=256)
    learning_rate: float = pydantic.Field(gt=0, le=1)
    widths: tuple[pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt]
    prediction_weight: float = pydantic.Field(ge=0)
    blur: float = pydantic.Field(ge=0, le=5)
    tilt: float = pydantic.Field(ge=0, le=45)
    step_seconds: float = pydantic.Field(gt=0, le=5)
    max_frames: int = pydantic.Field(ge=SPAN)
    holdout_every: int = pydantic.Field(ge=2)
    holdout_windows: int = pydantic.Field(ge=1)
    evaluate_every: int = pydantic.Field(ge=1)
    patience: int = pydantic.Field(ge=1)
    checkpoint_every: int = pydantic.Field(ge=1)
    score_stride: int = pydantic.Field(ge=1, le=WINDOW)
    block: int = pydantic.Field(ge=1, le=32)


def fit(clips: Sequence[Clip], params: Params, seed: int) -> dict[str, np.ndarray]:
    """Train on the clips' permitted frames and calibrate on those held out of the training.

    Raises:
        UserError: no clip is long enough for one window.
    """
    made = films(clips, params.step_seconds, params.max_frames)
    if not made:
        raise UserError(
            f"stae: no training clip has {SPAN} frames {params.step_seconds} s apart; lower stae.step_seconds"
        )
    held = made[params.holdout_every - 1 :: params.holdout_every] or made[-1:]
    learned = [one for one in made if not any(one is other for other in held)] or made
    checkpoint = CHECKPOINTS / f"{key(params, seed, [(clip.name, clip.frames.tolist()) for clip in clips])}.pt"
    training = Training(params, seed, checkpoint)
    weights = training.run(Windows(learned), Windows(held).spread(params.holdout_windows))
    state = {f"net.{name}": array for name, array in weights.items()}
    state |= _calibrated(state, params, held)
    checkpoint.unlink(missing_ok=True)
    return state


class Detector:
    """The trained network, ready to score."""

    def __init__(self, state: dict[str, np.ndarray], params: Params) -> None:
        self.params, self.device = params, stage.device()
        self.network = Network(params.widths).to(self.device, memory_format=torch.channels_last_3d).eval()
        weights = {name: torch.from_numpy(np.array(array)) for name, array in _of(state, "net.").items()}
        self.network.load_state_dict(weights)
        self.state = state

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
        """(N,) standardised errors, and (N, 32, 32) float16 maps of the errors, 1 = usual."""
        seen = film(clip, clip.stored, self.params.step_seconds)
        maps = self.errors(seen)
        values = (block_errors(maps, self.params.block) - self.state["mean"][:, None]) / self.state["deviation"][
            :, None
        ]
        scores = np.nanmean(values, axis=(0, 2))
        with np.errstate(invalid="ignore"):
            heat = np.nanmean(maps, axis=0)
        nearest = np.abs(np.subtract.outer(clip.frames, seen.frames)).argmin(1)
        return np.interp(clip.frames, seen.frames, scores).astype(np.float32), heat[nearest].astype(np.float16)

    def regularity(self, scores: np.ndarray) -> np.ndarray:
        """The regularity score of Zhao et al. (section 3.4) from errors: 1 for a clip's least, 0 for its largest error.

        It is normalised within the clip: for looking at one clip, never for comparing clips.
        """
        return 1 - (scores - scores.min()) / max(float(np.ptp(scores)), 1e-12)

    def errors(self, seen: Film) -> np.ndarray:
        """(2, N, 32, 32): errors of reconstruction and prediction by frame and cell, 1 = usual; NaN where unknown."""
        length = len(seen.frames)
        starts = np.unique(
            np.append(np.arange(0, max(1, length - WINDOW + 1), self.params.score_stride), max(0, length - WINDOW))
        )
        sums = np.zeros((2, length, SIZE // CELL, SIZE // CELL), np.float64)
        weights = np.zeros((2, length))
        ahead = horizon_weights().numpy()
        for start, both in zip(starts, self._window_errors(seen, starts), strict=True):
            for kind, (first, weight) in enumerate(((start, np.full(WINDOW, 1 / WINDOW)), (start + WINDOW, ahead))):
                count = max(0, min(WINDOW, length - first))
                usual = self.state[f"usual.{KINDS[kind]}"][:count] if "mean" in self.state else np.ones(count)
                share = weight[:count] / usual
                sums[kind, first : first + count] += both[kind, :count] * share[:, None, None]
                weights[kind, first : first + count] += weight[:count]
        with np.errstate(invalid="ignore"):
            return sums / weights[:, :, None, None]

    @torch.inference_mode()
    def _window_errors(self, seen: Film, starts: np.ndarray):
        """For each start, (2, 16, 32, 32) squared errors per cell of the reconstruction and of the prediction."""
        for at in range(0, len(starts), self.params.batch):
            rows = starts[at : at + self.params.batch, None] + np.arange(SPAN)
            windows = torch.from_numpy(seen.moving(rows.ravel()).reshape(len(rows), 1, SPAN, SIZE, SIZE)).to(
                self.device
            )
            past = windows[:, :, :WINDOW].contiguous(memory_format=torch.channels_last_3d)
            with mixed(self.device):
                given = torch.cat(self.network(past), dim=1)  # (B, 2, 16, 128, 128)
            wrong = (given.float() - windows.view(len(rows), 2, WINDOW, SIZE, SIZE)).square()
            cells = torch.nn.functional.avg_pool2d(wrong.flatten(0, 1), CELL)
            yield from cells.view(len(rows), 2, WINDOW, SIZE // CELL, SIZE // CELL).cpu().numpy()


def block_errors(maps: np.ndarray, block: int) -> np.ndarray:
    """(2, N, h, w) maps -> (2, N, 2): mean over the frame, largest mean over ``block`` x ``block`` cells."""
    blocks = np.stack([[cv2.blur(picture, (block, block)).max() for picture in kind] for kind in maps])
    return np.stack([maps.mean((2, 3)), blocks], axis=2)


def _calibrated(state: dict[str, np.ndarray], params: Params, held: list[Film]) -> dict[str, np.ndarray]:
    """What is usual on the held-out films: the error by frame of the window; mean and deviation of the four errors."""
    detector = Detector(state, params)
    curves = []
    for one in held:
        starts = np.arange(0, len(one.frames) - SPAN + 1, params.score_stride)
        curves += [both.mean((2, 3)) for both in detector._window_errors(one, starts)]
    usual = np.mean(curves, axis=0)  # (2, 16)
    detector.state = state | {f"usual.{kind}": usual[i] for i, kind in enumerate(KINDS)} | {"mean": np.zeros((2, 2))}
    values = np.concatenate([block_errors(detector.errors(one), params.block) for one in held], axis=1)  # (2, F, 2)
    found = {f"usual.{kind}": usual[i].astype(np.float32) for i, kind in enumerate(KINDS)}
    found["mean"] = np.nanmean(values, axis=1).astype(np.float32)
    found["deviation"] = np.maximum(np.nanstd(values, axis=1), 1e-6).astype(np.float32)
    return found


def _of(state: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
