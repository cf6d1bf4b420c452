"""The spatio-temporal autoencoder of Zhao et al. (2017), "Spatio-Temporal AutoEncoder for Video Anomaly Detection".

A network trained on normal video gives back a window of 16 frames and foretells the next 16; where it fails, something
is new. A frame has four errors: of reconstruction and of prediction, over the whole frame and in the worst block of
about a pedestrian's size, each as a share of what moves there (vad.detectors.stae.errors) and standardised on training
clips that the network did not learn from. The score is their weighted mean; a network that gives back what it never saw
foretells it worse, and one object is lost in the whole frame, so that prediction and block weigh most. The paper scores
the whole frame's plain error. What moves is the difference to the scene's background, which comes from training video
and follows the camera; a picture is judged 15 pictures later (vad.detectors.stae.following).
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pydantic
import torch

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.detectors.stae.errors import floors, unexplained
from vad.detectors.stae.following import LATEST, REMEMBERED, Followed, Following, Ground
from vad.detectors.stae.network import SIZE, WINDOW, Network, placed
from vad.detectors.stae.training import Training, key
from vad.detectors.stae.windows import BACKGROUND_FRAMES, SPAN, Film, Windows, films, shrunk
from vad.detectors.streaming import Judged
from vad.features import engines
from vad.perception.camera import Camera
from vad.perception.feeding import parallel
from vad.perception.sight import Perception, Sight
from vad.pipeline import stage
from vad.pipeline.errors import CannotFit
from vad.pipeline.params import Section

log = logging.getLogger(__name__)

CHECKPOINTS = Path("data/checkpoints/stae")
OUTPUTS = ["reconstruction", "prediction"]


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

    Returns:
        ``net.*``, the weights; ``ground/<scene>`` (K, 128, 128) uint8, pictures whose median is the scene without what
        moves; ``usual`` (2, 16) errors by place in the window; ``floor``, see :func:`vad.detectors.stae.errors.floors`;
        ``mean`` and ``deviation`` (2, 2) of the shares of reconstruction and prediction, whole and worst block.

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
    state = {f"net.{name}": array for name, array in weights.items()} | _grounds(made)
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
        self.state = state
        self._given: Callable[[np.ndarray], np.ndarray] = self._by_torch

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """(N,) standardised errors, and (N, 32, 32) float16 maps of the share of the motion that is unexplained."""
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> "Stream":
        """Start on one camera; one that was not fitted has its background from what it shows."""
        return Stream(self, perception.camera)

    def ground(self, scene: str) -> Ground:
        """The eye for what moves in ``scene``."""
        return Ground(self.state.get(f"ground/{scene}"))

    def following(self, first: int, usual: np.ndarray | None = None) -> Following:
        """The network on one camera, whose first picture has the number ``first``."""
        return Following(self._given, self.state["usual"] if usual is None else usual, self.params.score_stride, first)

    def judged(self, followed: Followed) -> tuple[float, np.ndarray]:
        """A picture's score and its (32, 32) map."""
        values, local = self.shares([followed])
        standard = (values[:, 0] - self.state["mean"]) / self.state["deviation"]
        weights = np.outer(_shares(self.params.prediction_share), _shares(self.params.block_share))
        known = ~np.isnan(standard)
        return float(np.nansum(standard * weights) / (known * weights).sum()), np.nanmean(local[:, 0], axis=0)

    def shares(self, followed: Sequence[Followed]) -> tuple[np.ndarray, np.ndarray]:
        """(2, N, 2) and (2, N, 32, 32): see :func:`vad.detectors.stae.errors.unexplained`."""
        errors, energies = np.stack([one.errors for one in followed], axis=1), np.stack([o.energy for o in followed])
        return unexplained(errors, energies, self.params.block, self.state["floor"])

    def export(self, path: Path) -> None:
        """Write the network as an ONNX graph."""
        past = torch.zeros(2, 1, WINDOW, SIZE, SIZE, device=self.device)
        engines.export(self.network, {"past": past}, OUTPUTS, ["past", *OUTPUTS], path)

    def run_by(self, engine: str, path: Path) -> None:
        """Have an engine compute the network from now on, by the graph that :meth:`export` wrote."""
        run = engines.load(path, engine)

        def given(past: np.ndarray) -> np.ndarray:
            found = run({"past": past[None, None]})
            return np.concatenate([found[name][0] for name in OUTPUTS])

        self._given = given

    @torch.inference_mode()
    def _by_torch(self, past: np.ndarray) -> np.ndarray:
        """In float32 whatever the machine: scores are those of every other machine and of the engines."""
        window = torch.from_numpy(past[None, None]).to(self.device).contiguous(memory_format=torch.channels_last_3d)
        return torch.cat(self.network(window), dim=1)[0].cpu().numpy()


class Stream:
    """One camera's frames; every so many-th is looked at, those between are interpolated."""

    pixels = False  # only the frames that are looked at are decoded

    def __init__(self, detector: Detector, camera: Camera) -> None:
        self._detector = detector
        self._step = max(1, round(detector.params.step_seconds * camera.fps))
        self.latency = LATEST * self._step  # of the first frames; 16 pictures are enough for the others
        self.past = REMEMBERED * self._step
        self._ground = detector.ground(camera.scene)
        self._following: Following | None = None
        self._slot = self._number = -1  # of the last picture: by time, and as they are counted
        self._frames: deque[int] = deque()  # of the pictures that are not judged yet
        self._known: deque[tuple[int, float, np.ndarray]] = deque()  # frame, score, map of those around ``_waiting``
        self._waiting: deque[tuple[int, bool]] = deque()  # frames that have not come back, and whether they are wanted

    def push(self, sight: Sight) -> list[Judged]:
        """The frames between pictures that are judged now."""
        looked = {}
        for view in sight.views:
            if view.frame // self._step != self._slot:
                self._slot = view.frame // self._step
                looked[view.frame] = view
        pictures = dict(zip(looked, parallel(lambda view: shrunk(view.gray), list(looked.values())), strict=True))
        for view in sight.views:
            self._waiting.append((view.frame, view.wanted))
            if view.frame in pictures:
                self._look(view.frame, pictures[view.frame])
        if sight.last and self._following is not None:
            self._judge(self._following.finish())
        return self._between(sight.last)

    def _look(self, frame: int, picture: np.ndarray) -> None:
        if self._following is None:
            self._number = frame // self._step - 1
            self._following = self._detector.following(self._number + 1)
        self._number += 1
        self._frames.append(frame)
        self._judge(self._following.push(self._ground.moving(self._number, picture)))

    def _judge(self, followed: list[Followed]) -> None:
        for one in followed:
            self._known.append((self._frames.popleft(), *self._detector.judged(one)))

    def _between(self, last: bool) -> list[Judged]:
        """The waiting frames up to the newest judged picture; all of them at the end."""
        found = []
        while self._waiting and self._known and (last or self._waiting[0][0] <= self._known[-1][0]):
            frame, wanted = self._waiting.popleft()
            while len(self._known) > 1 and self._known[1][0] <= frame:
                self._known.popleft()
            (begin, score, heat), (end, next_score, next_heat) = (
                self._known[0],
                self._known[min(1, len(self._known) - 1)],
            )
            if wanted:
                share = (frame - begin) / (end - begin) if end > begin else 0.0
                nearest = heat if share <= 0.5 else next_heat
                value = np.float32(score + share * (next_score - score))
                found.append(Judged(frame, value, nearest.astype(np.float16)))
        return found


def regularity(scores: np.ndarray) -> np.ndarray:
    """The regularity score of Zhao et al. (2017, section 3.4) of a clip's (N,) errors, from 1 (least) to 0.

    It is normalised within the clip: for looking at one clip, never for comparing clips.
    """
    return 1 - (scores - scores.min()) / max(float(np.ptp(scores)), 1e-12)


def _grounds(made: list[Film]) -> dict[str, np.ndarray]:
    """``ground/<scene>``: pictures evenly spread over the scene's films."""
    grounds = {}
    for scene in sorted({one.scene for one in made}):
        own = np.concatenate([one.pictures for one in made if one.scene == scene])
        rows = np.linspace(0, len(own) - 1, min(BACKGROUND_FRAMES, len(own))).round().astype(int)
        grounds[f"ground/{scene}"] = own[rows]
    return grounds


def _calibrated(state: dict[str, np.ndarray], params: Params, held: list[Film]) -> dict[str, np.ndarray]:
    """What is usual on the held-out films: errors by place in the window, energy, mean and deviation of shares."""
    detector = Detector(state, params)
    plain = [_followed(detector, one, np.ones((2, WINDOW)))[1] for one in held]
    usual = np.sum([one.total for one in plain], axis=0) / np.sum([one.count for one in plain], axis=0)
    films_followed = [_followed(detector, one, usual)[0] for one in held]
    energies = [np.stack([one.energy for one in film]) for film in films_followed]
    floor = floors(energies, params.block, (params.whole_floor, params.block_floor))
    found = {"usual": usual.astype(np.float32), "floor": floor.astype(np.float32)}
    detector.state = state | found
    values = np.concatenate([detector.shares(film)[0] for film in films_followed], axis=1)  # (2, F, 2)
    found["mean"] = np.nanmean(values, axis=1).astype(np.float32)
    found["deviation"] = np.maximum(np.nanstd(values, axis=1), 1e-6).astype(np.float32)
    return found


def _followed(detector: Detector, seen: Film, usual: np.ndarray) -> tuple[list[Followed], Following]:
    """The film's pictures as a camera's, and what followed them."""
    ground, following = detector.ground(seen.scene), detector.following(0, usual)
    found: list[Followed] = []
    for number, picture in enumerate(seen.pictures):
        found += following.push(ground.moving(number, picture))
    return found + following.finish(), following


def _shares(second: float) -> np.ndarray:
    return np.array([1 - second, second])


def _of(state: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
