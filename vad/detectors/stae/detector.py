"""The spatio-temporal autoencoder of Zhao et al. (2017), "Spatio-Temporal AutoEncoder for Video Anomaly Detection".

A network trained on normal video gives back a window of 16 frames and foretells the next 16; where it fails, something
is new. A frame has four errors: of reconstruction and of prediction, over the whole frame and in the worst block of
about a pedestrian's size, each as a share of what moves there (vad.detectors.stae.errors) and standardised on training
clips that the network did not learn from. The score is their weighted mean; a network that gives back what it never saw
foretells it worse, and one object is lost in the whole frame, so that prediction and block weigh most. The paper scores
the whole frame's plain error.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pydantic
import torch

from vad.data.frames import Clip
from vad.detectors.stae.errors import Errors, energy, floors, unexplained
from vad.detectors.stae.network import SIZE, WINDOW, Network, placed
from vad.detectors.stae.training import Training, key
from vad.detectors.stae.windows import SPAN, Film, Windows, film, films
from vad.pipeline import stage
from vad.pipeline.errors import CannotFit
from vad.pipeline.params import Section

log = logging.getLogger(__name__)

CHECKPOINTS = Path("data/checkpoints/stae")


class Params(Section):
    steps: int = pydantic.Field(ge=1, le=10_000_000)
    batch: int = pydantic.Field(ge=1, le=256)
    crop: int = pydantic.Field(ge=16, le=SIZE, multiple_of=16)
    learning_rate: float = pydantic.Field(gt=0, le=1)
    memory: float = pydantic.Field(ge=0, lt=1)
    widths: list[Annotated[int, pydantic.Field(ge=1, le=1024)]] = pydantic.Field(min_length=4, max_length=4)
    prediction_weight: float = pydantic.Field(ge=0, le=1000)
    blur: float = pydantic.Field(ge=0, le=5)
    tilt: float = pydantic.Field(ge=0, le=45)
    step_seconds: float = pydantic.Field(gt=0, le=5)
    max_frames: int = pydantic.Field(ge=SPAN, le=10_000_000)
    holdout_every: int = pydantic.Field(ge=2, le=10_000)
    holdout_windows: int = pydantic.Field(ge=1, le=100_000)
    evaluate_every: int = pydantic.Field(ge=1, le=1_000_000)
    patience: int = pydantic.Field(ge=1, le=10_000)
    checkpoint_every: int = pydantic.Field(ge=1, le=1_000_000)
    score_stride: int = pydantic.Field(ge=1, le=WINDOW)
    block: int = pydantic.Field(ge=1, le=32)
    whole_floor: float = pydantic.Field(gt=0, le=10)
    block_floor: float = pydantic.Field(gt=0, le=10)
    prediction_share: float = pydantic.Field(ge=0, le=1)
    block_share: float = pydantic.Field(ge=0, le=1)


def fit(clips: Sequence[Clip], params: Params, seed: int) -> dict[str, np.ndarray]:
    """Train on the clips' permitted frames and calibrate on those held out of the training.

    Raises:
        CannotFit: no clip is long enough for one window.
    """
    made = films(clips, params.step_seconds, params.max_frames)
    if not made:
        raise CannotFit(
            f"no training clip is {SPAN * params.step_seconds:.1f} s long ({SPAN} frames, {params.step_seconds} s "
            "apart): give longer clips, or lower stae.step_seconds"
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
        self.network = placed(Network(params.widths), self.device).eval()
        weights = {name: torch.from_numpy(np.array(array)) for name, array in _of(state, "net.").items()}
        self.network.load_state_dict(weights)
        self.errors = Errors(self.network, self.device, params.score_stride, params.batch)
        self.state = state

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
        """(N,) standardised errors, and (N, 32, 32) float16 maps of the share of the motion that is unexplained."""
        seen = film(clip, clip.stored, self.params.step_seconds)
        values, local = self.shares(seen)
        standard = (values - self.state["mean"][:, None]) / self.state["deviation"][:, None]
        weights = np.outer(_shares(self.params.prediction_share), _shares(self.params.block_share))[:, None]
        known = ~np.isnan(standard)
        scores = np.nansum(standard * weights, axis=(0, 2)) / (known * weights).sum((0, 2))
        heat = np.nanmean(local, axis=0)
        nearest = np.abs(np.subtract.outer(clip.frames, seen.frames)).argmin(1)
        return np.interp(clip.frames, seen.frames, scores).astype(np.float32), heat[nearest].astype(np.float16)

    def shares(self, seen: Film) -> tuple[np.ndarray, np.ndarray]:
        """(2, N, 2) and (2, N, 32, 32): see :func:`vad.detectors.stae.errors.unexplained`."""
        errors = self.errors.frames(seen, self.state["usual"])
        return unexplained(errors, energy(seen), self.params.block, self.state["floor"])


def regularity(scores: np.ndarray) -> np.ndarray:
    """The regularity score of Zhao et al. (2017, section 3.4) of a clip's (N,) errors, from 1 (least) to 0.

    It is normalised within the clip: for looking at one clip, never for comparing clips.
    """
    return 1 - (scores - scores.min()) / max(float(np.ptp(scores)), 1e-12)


def _calibrated(state: dict[str, np.ndarray], params: Params, held: list[Film]) -> dict[str, np.ndarray]:
    """What is usual on the held-out films: errors by place in the window, energy, mean and deviation of shares."""
    detector = Detector(state, params)
    found = {
        "usual": detector.errors.usual(held).astype(np.float32),
        "floor": floors([energy(one) for one in held], params.block, (params.whole_floor, params.block_floor)).astype(
            np.float32
        ),
    }
    detector.state = found
    values = np.concatenate([detector.shares(one)[0] for one in held], axis=1)  # (2, F, 2)
    found["mean"] = np.nanmean(values, axis=1).astype(np.float32)
    found["deviation"] = np.maximum(np.nanstd(values, axis=1), 1e-6).astype(np.float32)
    return found


def _shares(second: float) -> np.ndarray:
    return np.array([1 - second, second])


def _of(state: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
