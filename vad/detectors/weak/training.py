"""Training the temporal network on bags: seeded, resumed after an interruption, chosen on held-out training videos.

A batch holds as many normal as abnormal videos; which, and which of a file's crops, depends on the seed and the step's
number alone, so that a run killed at any moment and started again ends with the very weights of an uninterrupted one.
Every n-th training video of each class is held out; the weights kept are the mean over the last steps (an exponential
average) or those best on the held-out videos' own video-level labels: no label of a test clip is ever read.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic
import torch
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from vad.detectors.weak.bags import Bags, sampled, statistics
from vad.detectors.weak.losses import loss, top_mean
from vad.detectors.weak.network import Network, Scorer
from vad.pipeline import checkpoints, stage
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section

log = logging.getLogger(__name__)


class Params(Section):
    """How the temporal network looks and learns."""

    loss: Literal["bn_wvad", "top_k_bce"]
    most: int = pydantic.Field(ge=8, le=4096)
    width: int = pydantic.Field(ge=8, le=512, multiple_of=8)
    reach: int = pydantic.Field(ge=1, le=256)
    dropout: float = pydantic.Field(ge=0, lt=1)
    steps: int = pydantic.Field(ge=1, le=1_000_000)
    batch: int = pydantic.Field(ge=2, le=512, multiple_of=2)
    learning_rate: float = pydantic.Field(gt=0, le=1)
    weight_decay: float = pydantic.Field(ge=0, le=1)
    video_share: float = pydantic.Field(gt=0, le=1)
    batch_share: float = pydantic.Field(gt=0, le=1)
    margin: float = pydantic.Field(gt=0, le=100)
    triplet_weight: float = pydantic.Field(ge=0, le=100)
    baseline_weight: float = pydantic.Field(ge=0, le=100)
    smoothness: float = pydantic.Field(ge=0, le=100)
    sparsity: float = pydantic.Field(ge=0, le=100)
    holdout_every: int = pydantic.Field(ge=2, le=1000)
    evaluate_every: int = pydantic.Field(ge=1, le=1_000_000)
    average: float = pydantic.Field(ge=0, lt=1)


class Training:
    """A temporal network in training.

    Args:
        bags: training videos and their labels.
        checkpoint: file to save to and to resume from, named after everything that the result depends on; None: none.

    Raises:
        UserError: one of the labels has fewer than two videos.
    """

    def __init__(self, bags: Bags, params: Params, seed: int, checkpoint: Path | None) -> None:
        self.bags, self.params, self.seed, self.checkpoint = bags, params, seed, checkpoint
        self.learned, self.held = split(bags.labels, params.holdout_every)
        self.device = stage.device()
        torch.manual_seed(seed)
        dim = bags.videos[0].read(0).shape[1]
        self.network = Network(dim, params.width, params.reach, params.dropout).to(self.device)
        known = statistics([bags.videos[row] for row in self.learned], params.most, np.random.default_rng(seed))
        for name, values in zip(("centre", "spread"), known, strict=True):
            getattr(self.network, name).copy_(torch.from_numpy(values))
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay
        )
        self.step, self.best, self.average = 0, -1.0, self._weights()
        self.kept = self.average
        self._resume()

    def run(self, watch: Callable[[dict[str, np.ndarray]], None] | None = None) -> dict[str, np.ndarray]:
        """Train; returns the averaged weights that were best on the held-out training videos, by name.

        Args:
            watch: is shown the averaged weights at every look; what it finds changes nothing.
        """
        params = self.params
        with tqdm(total=params.steps, initial=self.step, desc="train weak", unit="step") as bar:
            while self.step < params.steps:
                value = self._learn()
                self.step += 1
                self._average()
                bar.update()
                if self.step % params.evaluate_every == 0 or self.step == params.steps:
                    self._evaluate()
                    self._save()
                    if watch is not None:
                        watch(_arrays(self.average))
                bar.set_postfix(loss=f"{value:.4f}", held_out_auc=f"{self.best:.4f}")
        log.info("weak: %d steps, video-level AUC of held-out training videos %.3f", self.step, self.best)
        return _arrays(self.kept)

    def _learn(self) -> float:
        params, rng = self.params, np.random.default_rng([self.seed, self.step])
        for group in self.optimizer.param_groups:
            group["lr"] = params.learning_rate * 0.5 * float(1 + np.cos(np.pi * self.step / params.steps))
        torch.manual_seed((self.seed << 20) + self.step)  # of dropout
        rows = np.concatenate([drawn(own, params.batch // 2, rng) for own in self._by_label(self.learned)])
        features, valid = self.bags.batch(rows, params.most, rng)
        labels = torch.from_numpy(self.bags.labels[rows])
        self.network.train()
        self.optimizer.zero_grad()
        features, valid, labels = (one.to(self.device) for one in (features, valid, labels))
        value = loss(self.network, features, valid, labels, params)
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        return value.item()

    def _by_label(self, rows: np.ndarray) -> list[np.ndarray]:
        return [rows[self.bags.labels[rows] == label] for label in (0, 1)]

    def _average(self) -> None:
        share = min(self.params.average, 1 - 1 / (self.step + 1))
        for name, tensor in self._weights().items():
            self.average[name] = self.average[name] * share + tensor * (1 - share)

    def _evaluate(self) -> None:
        """Keep the averaged weights if held-out videos are told apart at least as well as ever before."""
        auc = self._held_out() if self.step >= self.params.steps // 3 else -1.0
        if auc >= self.best:
            self.best, self.kept = auc, dict(self.average)

    @torch.inference_mode()
    def _held_out(self) -> float:
        current = self._weights()
        self._load(self.average)
        scorer = Scorer(self.network.eval(), self.params.loss)
        values = []
        for row in self.held:
            scores = scorer(torch.from_numpy(sampled(self.bags.videos[row], 0, self.params.most)).to(self.device))
            values.append(float(top_mean(scores[None], torch.ones_like(scores[None]) > 0, self.params.video_share)))
        self._load(current)
        return float(roc_auc_score(self.bags.labels[self.held], values))

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().cpu().clone() for name, tensor in self.network.state_dict().items()}

    def _load(self, weights: dict[str, torch.Tensor]) -> None:
        self.network.load_state_dict(weights)

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        values = {name: getattr(self, name) for name in ("step", "best", "average", "kept")}
        values |= {name: getattr(self, name).state_dict() for name in ("network", "optimizer")}
        checkpoints.save(self.checkpoint, values)

    def _resume(self) -> None:
        if self.checkpoint is None or (values := checkpoints.load(self.checkpoint, self.device)) is None:
            return
        for name in ("network", "optimizer"):
            getattr(self, name).load_state_dict(values[name])
        self.step, self.best, self.average, self.kept = (values[name] for name in ("step", "best", "average", "kept"))
        log.info("weak: resuming at step %d of %d", self.step, self.params.steps)


def _arrays(weights: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in weights.items()}


def split(labels: np.ndarray, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows held out: every n-th video of each label, at least one of each.

    Raises:
        UserError: one of the labels has fewer than two videos.
    """
    held = []
    for label, kind in ((0, "normal"), (1, "abnormal")):
        own = np.flatnonzero(labels == label)
        if len(own) < 2:
            raise UserError(f"weak: {len(own)} {kind} training videos; at least 2 with label {label} are needed")
        held.append(own[min(every, len(own)) - 1 :: every])
    out = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), out), out


def drawn(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` of ``rows``, none twice before all were drawn once."""
    rounds = [rng.permutation(rows) for _ in range(-(-count // len(rows)))]
    return np.concatenate(rounds)[:count]


@torch.inference_mode()
def score(weights: dict[str, np.ndarray], params: Params, video, device: str | None = None) -> np.ndarray:
    """(T,) scores of one video's sampled snippets, the mean over its crops; its label is not asked for."""
    scorer = Scorer(restored(weights, params), params.loss).to(device or stage.device()).eval()
    crops = [torch.from_numpy(sampled(video, crop, params.most)) for crop in range(video.crops)]
    return torch.stack([scorer(one.to(device or stage.device())) for one in crops]).mean(0).cpu().numpy()


def restored(weights: dict[str, np.ndarray], params: Params) -> Network:
    """The network with trained weights, in evaluation mode."""
    network = Network(len(weights["centre"]), params.width, params.reach, params.dropout)
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    return network.eval()
