"""Training the spatio-temporal autoencoder: seeded, bounded in steps, stopped early, resumed after an interruption.

What is kept is a moving average of the weights and of the normalisation's statistics: those of a single step depend on
the few windows that it and the last ones saw, and with them, from one seed to the next, did the scores.

A run killed at any moment and started again ends with the very weights of an uninterrupted one: a checkpoint holds
everything that the next step depends on, and which windows a step sees depends on the seed and its number alone.
"""

import copy
import hashlib
import io
import json
import logging
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from vad.detectors.stae.network import Network, half_type, loss, mixed, placed
from vad.detectors.stae.windows import Windows
from vad.pipeline import artifacts, stage

log = logging.getLogger(__name__)

WARM_UP = 20  # steps in which the learning rate rises: Adam knows the size of no gradient before

DIGEST = hashlib.sha256().digest_size  # bytes


class Training:
    """A network in training.

    Args:
        params: ``vad.detectors.stae.detector.Params``.
        checkpoint: file to save to and to resume from; it must be named after everything that the result depends on.
    """

    def __init__(self, params, seed: int, checkpoint: Path) -> None:
        self.params, self.seed, self.checkpoint = params, seed, checkpoint
        self.device = stage.device()
        torch.manual_seed(seed)
        self.network = placed(Network(params.widths), self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=params.learning_rate)
        self.scaler = torch.amp.GradScaler(enabled=half_type(self.device) is torch.float16)
        self.average = copy.deepcopy(self.network)
        self.step = 0
        self.best = float("inf")
        self.best_weights = self._weights()
        self.waited = 0
        self._resume()

    def run(self, windows: Windows, holdout: np.ndarray) -> dict[str, np.ndarray]:
        """Train; returns the weights, by name, that were best on the ``holdout`` windows (n, 1, 32, 128, 128)."""
        params = self.params
        with tqdm(total=params.steps, initial=self.step, desc="train stae", unit="step") as bar:
            while self.step < params.steps and self.waited < params.patience:
                training_loss = self._learn(windows)
                self.step += 1
                bar.update()
                if self.step % params.evaluate_every == 0 or self.step == params.steps:
                    self._evaluate(holdout)
                bar.set_postfix(loss=f"{training_loss:.4f}", best=f"{self.best:.4f}")
                if self.step % params.checkpoint_every == 0:
                    self._save()
        log.info("stae: %d steps, hold-out loss %.4f", self.step, self.best)
        return self.best_weights

    def _learn(self, windows: Windows) -> float:
        params = self.params
        rate = params.learning_rate * 0.5 * (1 + np.cos(np.pi * self.step / params.steps))
        rate *= min(1.0, (self.step + 1) / WARM_UP)
        for group in self.optimizer.param_groups:
            group["lr"] = float(rate)
        batch = torch.from_numpy(
            windows.draw(params.batch, self.seed, self.step, params.crop, params.blur, params.tilt)
        )
        self.network.train()
        self.optimizer.zero_grad()
        with mixed(self.device):
            error = loss(self.network, self._on_device(batch), params.prediction_weight)
        self.scaler.scale(error).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._follow()
        return error.item()

    @torch.no_grad()
    def _follow(self) -> None:
        """Take the weights and statistics of this step into the average, which begins with a short memory."""
        share = 1 - min(self.params.memory, (1 + self.step) / (10 + self.step))
        for kept, new in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, share)
            else:
                kept.copy_(new)

    @torch.inference_mode()
    def _evaluate(self, holdout: np.ndarray) -> None:
        self.average.eval()
        errors = []
        for start in range(0, len(holdout), self.params.batch):
            batch = torch.from_numpy(holdout[start : start + self.params.batch])
            with mixed(self.device):
                errors.append(
                    loss(self.average, self._on_device(batch), self.params.prediction_weight).item() * len(batch)
                )
        error = sum(errors) / len(holdout)
        if error < self.best:
            self.best, self.best_weights, self.waited = error, self._weights(), 0
        else:
            self.waited += 1

    def _on_device(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.to(self.device, memory_format=torch.channels_last_3d)

    def _weights(self) -> dict[str, np.ndarray]:
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.average.state_dict().items()}

    def _save(self) -> None:
        """Put a checkpoint, after the digest of its bytes, in the old one's place: a kill leaves one or the other."""
        values = {name: getattr(self, name) for name in ("step", "best", "waited")}
        values["best_weights"] = {name: torch.from_numpy(array) for name, array in self.best_weights.items()}
        values |= {name: getattr(self, name).state_dict() for name in ("network", "average", "optimizer", "scaler")}
        buffer = io.BytesIO()
        torch.save(values, buffer)  # by way of memory: PyTorch's own writing hides why the disk refused it
        content = buffer.getvalue()
        with artifacts.replacing(self.checkpoint) as temporary:
            temporary.write_bytes(hashlib.sha256(content).digest() + content)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        stored = self.checkpoint.read_bytes()
        digest, content = stored[:DIGEST], stored[DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            log.warning("stae: %s is damaged: the training starts anew", self.checkpoint)
            return
        values = torch.load(io.BytesIO(content), map_location=self.device, weights_only=True)
        for name in ("network", "average", "optimizer", "scaler"):
            getattr(self, name).load_state_dict(values[name])
        self.step, self.best, self.waited = values["step"], values["best"], values["waited"]
        self.best_weights = {name: tensor.cpu().numpy() for name, tensor in values["best_weights"].items()}
        log.info("stae: resuming at step %d of %d", self.step, self.params.steps)


def key(params, seed: int, clips: list[tuple[str, list[int]]]) -> str:
    """A name for a training run: everything that its result depends on.

    Args:
        clips: name and frame numbers of each training clip.
    """
    text = json.dumps([params.model_dump(), seed, clips], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
