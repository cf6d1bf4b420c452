"""PaDiM (Defard et al. 2020, "PaDiM: a Patch Distribution Modeling Framework"): one Gaussian per image position.

Features of several backbone layers are resampled to one grid and concatenated; each grid position gets the mean and
covariance of its feature vector over normal frames (sections III-A and III-B), and a frame's map is the Mahalanobis
distance at each position (III-C). Cameras are fixed, so positions may be modelled per scene.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic
import torch
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.detectors.streaming import Judged
from vad.features import backbones, batching, engines
from vad.features.backbones import Backbone
from vad.perception.passes import Pass
from vad.perception.sight import Perception, Sight
from vad.pipeline.errors import CannotFit
from vad.pipeline.params import Section

log = logging.getLogger(__name__)

TITLE = "PaDiM"
READS = ("frames",)
ROLE = "normal"
LABELLED = False
NEEDS_BACKBONE = True
BENCHMARK = {"fit": "ratio >= 0.6", "score": "ratio >= 0.6"}

POOLED = "pooled"  # in the state, the Gaussian of all scenes; a scene's own are "scene/<scene>"


class Params(Section):
    """Section ``padim`` of params.yaml."""

    layers: list[Literal["layer1", "layer2", "layer3", "layer4"]] = pydantic.Field(min_length=1)
    n_features: int = pydantic.Field(ge=1, le=4096)
    reduction: Literal["projection", "selection"]
    grid: int = pydantic.Field(ge=4, le=128)
    epsilon: float = pydantic.Field(gt=0, le=1)
    per_scene: bool
    sigma: float = pydantic.Field(ge=0, le=10)
    aggregate: Literal["max", "mean", "top_k"]
    top_fraction: float = pydantic.Field(gt=0, le=1)


class Moments:
    """Mean and scatter of P independent D-dimensional variables over a stream of batches (Chan et al. 1979).

    Memory is that of one (P, D, D) float32 accumulator, however many frames go by; each batch is centred on its own
    mean first, so that large means cost no digits.
    """

    def __init__(self, positions: int, dimensions: int, device: str = "cpu") -> None:
        self.count = 0
        self.mean = torch.zeros(positions, dimensions, device=device)
        self.scatter = torch.zeros(positions, dimensions, dimensions, device=device)

    def add(self, batch: torch.Tensor) -> None:
        """Add ``batch`` (P, B, D)."""
        size = batch.shape[1]
        mean = batch.mean(dim=1)
        shift = mean - self.mean
        total = self.count + size
        # The correction for the shift of the mean is one more row of the centred batch: (P, B + 1, D).
        correction = shift * (self.count * size / total) ** 0.5
        rows = torch.cat([batch - mean[:, None], correction[:, None]], dim=1)
        self.scatter.baddbmm_(rows.transpose(1, 2), rows)
        self.mean += shift * (size / total)
        self.count = total

    def merge(self, other: "Moments") -> None:
        """Add everything that ``other`` has seen."""
        shift = other.mean - self.mean
        total = self.count + other.count
        correction = (shift * (self.count * other.count / total) ** 0.5)[:, None]
        self.scatter += other.scatter
        self.scatter.baddbmm_(correction.transpose(1, 2), correction)
        self.mean += shift * (other.count / total)
        self.count = total

    def whitening(self, epsilon: float) -> torch.Tensor:
        """Lower triangular W with W^T W = (covariance + epsilon I)^-1 (eq. 1), so that |W (x - mean)| is eq. 2.

        Returns:
            (P, D (D + 1) / 2), the triangle by rows; computed in blocks of positions to need little memory.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(
            1
        )  # the matrices are small: threads would wait for each other, for seconds on a busy machine
        try:
            return torch.cat([_inverse_factor(s / max(self.count - 1, 1), epsilon) for s in self.scatter.split(64)])
        finally:
            torch.set_num_threads(threads)


def _inverse_factor(covariance: torch.Tensor, epsilon: float) -> torch.Tensor:
    covariance.diagonal(dim1=1, dim2=2).add_(epsilon)
    factor = torch.linalg.cholesky(covariance)
    identity = torch.eye(factor.shape[-1], device=factor.device).expand_as(factor)
    inverse = torch.linalg.solve_triangular(factor, identity, upper=False)
    rows, columns = torch.tril_indices(*inverse.shape[1:])
    return inverse[:, rows, columns]


def unpack(packed: torch.Tensor, dimensions: int) -> torch.Tensor:
    """(P, D (D + 1) / 2) -> (P, D, D), zero above the diagonal."""
    full = packed.new_zeros(len(packed), dimensions, dimensions)
    rows, columns = torch.tril_indices(dimensions, dimensions)
    full[:, rows, columns] = packed
    return full


class Embedding:
    """Frames to the reduced feature vector of each grid position.

    Args:
        reduction: (D,) channel numbers, a (C, D) projection, or None to keep all channels as they are.
    """

    def __init__(self, params: Params, backbone: Backbone, reduction: torch.Tensor | None) -> None:
        self._layers = params.layers
        self._grid = params.grid
        self._backbone = backbone
        self._reduction = None if reduction is None else reduction.to(backbone.device)

    def __call__(self, frames: np.ndarray) -> torch.Tensor:
        """(B, H, W, 3) uint8 RGB -> (P, B, D) float32."""
        return self.of(self._backbone.features(self._backbone.preprocess(frames), self._layers))

    def of(self, layers: Sequence[torch.Tensor]) -> torch.Tensor:
        """The backbone's layers, each (B, C, h, w), -> (P, B, D) float32."""
        if self._reduction is not None and self._reduction.ndim == 1:
            return self._selected(layers, self._reduction)
        x = torch.cat([backbones.resample(layer, self._grid) for layer in layers], dim=1)  # (B, C, g, g)
        x = x.flatten(2).permute(2, 0, 1)  # (P, B, C)
        if self._reduction is None:
            return x.contiguous()
        return x @ self._reduction

    def _selected(self, layers: Sequence[torch.Tensor], channels: torch.Tensor) -> torch.Tensor:
        """As :meth:`of`, with the ascending ``channels`` taken before anything is resampled: no other is needed."""
        parts, first = [], 0
        for layer in layers:
            own = channels[(channels >= first) & (channels < first + layer.shape[1])] - first
            chosen = layer[:, own].contiguous(memory_format=torch.channels_last)
            parts.append(backbones.resample(chosen, self._grid))
            first += layer.shape[1]
        return torch.cat(parts, dim=1).flatten(2).permute(2, 0, 1).contiguous()


def reduction(channels: int, params: Params, seed: int) -> torch.Tensor | None:
    """Channel numbers (section III-A) or a random orthonormal projection; None where there is nothing to reduce."""
    if params.n_features >= channels:
        log.info("padim: n_features = %d, but the layers have %d channels: all are used", params.n_features, channels)
        return None
    generator = torch.Generator().manual_seed(seed)
    if params.reduction == "selection":
        return torch.randperm(channels, generator=generator)[: params.n_features].sort().values
    return torch.linalg.qr(torch.randn(channels, params.n_features, generator=generator)).Q


def fit(clips: Sequence[Clip], params: Params, seed: int, backbone: Backbone) -> dict[str, np.ndarray]:
    """Gaussians of the features of ``clips``' frames, one per position and, with ``per_scene``, per scene.

    Returns:
        ``<name>/mean`` (P, D) and ``<name>/whitening`` (P, D (D + 1) / 2), the lower triangle by rows, for each
        ``scene/<scene>`` and ``pooled``; ``reduction`` where there is one. The pooled Gaussian serves scenes without
        training frames and is left out when there is one scene only.
    """
    total = sum(len(clip.frames) for clip in clips)
    if total < 2:
        raise CannotFit(f"a Gaussian needs two normal frames, there are {total}: add training clips")
    blank = backbone.preprocess(np.zeros((1, 8, 8, 3), dtype=np.uint8))
    channels = sum(layer.shape[1] for layer in backbone.features(blank, params.layers))
    reduced = reduction(channels, params, seed)
    embed = Embedding(params, backbone, reduced)
    size = (params.grid**2, min(params.n_features, channels), backbone.device)

    state = {} if reduced is None else {"reduction": reduced.numpy()}
    clips = [clip for clip in clips if len(clip.frames)]
    by_scene = sorted(clips, key=lambda clip: clip.scene) if params.per_scene else clips
    groups = groupby(by_scene, key=lambda clip: f"scene/{clip.scene}" if params.per_scene else POOLED)
    pooled: Moments | None = None
    with tqdm(total=total, desc="fit padim", unit="frame") as bar:
        for name, group in groups:
            moments = Moments(*size)
            for frames in batching.batches(list(group)):
                moments.add(embed(frames))
                bar.update(len(frames))
            state |= _gaussian(name, moments, params.epsilon)
            if pooled is None:
                pooled = moments
            else:
                pooled.merge(moments)
    if len({clip.scene for clip in clips}) > 1 and params.per_scene:
        assert pooled is not None  # there are scenes
        state |= _gaussian(POOLED, pooled, params.epsilon)
    return state


def _gaussian(name: str, moments: Moments, epsilon: float) -> dict[str, np.ndarray]:
    whitening = moments.whitening(epsilon)
    return {f"{name}/mean": moments.mean.cpu().numpy(), f"{name}/whitening": whitening.cpu().numpy()}


class Detector:
    """Scores frames by the aggregate of their smoothed distance map."""

    def __init__(self, state: dict[str, np.ndarray], params: Params, backbone: Backbone) -> None:
        self._state = state
        self._params = params
        self._backbone = backbone
        reduced = torch.from_numpy(state["reduction"]) if "reduction" in state else None
        self._distances: Callable[..., torch.Tensor] = Distances(Embedding(params, backbone, reduced))
        self._loaded: tuple[str, torch.Tensor, torch.Tensor] | None = None

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """(N,) float32 scores and (N, grid, grid) float16 smoothed maps of Mahalanobis distances."""
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> "Stream":
        """Start on one camera."""
        seen = Pass.shared(perception, self._backbone, self._params.layers)
        return Stream(self._params, seen, self._distances, *self._gaussian(perception.camera.scene))

    def export(self, path: Path) -> None:
        """Write the way from the backbone's layers to the map as an ONNX graph; the Gaussian is one of its inputs."""
        blank = self._backbone.preprocess(np.zeros((2, 8, 8, 3), np.uint8))
        features = self._backbone.features(blank, self._params.layers)
        layers: dict[str, torch.Tensor] = dict(zip(self._params.layers, features, strict=True))
        mean, whitening = self._gaussian("")
        inputs = {**layers, "mean": mean, "whitening": whitening}
        assert isinstance(self._distances, torch.nn.Module)  # no engine computes it yet
        engines.export(self._distances, inputs, ["distances"], [*layers, "distances"], path)

    def run_by(self, engine: str, path: Path) -> None:
        """Have an engine compute the map from now on, by the graph that :meth:`export` wrote."""
        run, names = engines.load(path, engine), [*self._params.layers, "mean", "whitening"]

        def distances(*inputs: torch.Tensor) -> torch.Tensor:
            arrays = {name: np.ascontiguousarray(one.numpy()) for name, one in zip(names, inputs, strict=True)}
            return torch.from_numpy(run(arrays)["distances"])

        self._distances = distances

    def _gaussian(self, scene: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean (P, D) and whitening (P, D, D) of ``scene``, else the pooled ones, else those of the only scene."""
        names = sorted({key.removesuffix("/mean") for key in self._state if key.endswith("/mean")})
        name = next(name for name in (f"scene/{scene}", POOLED, *names) if name in names)
        if self._loaded is None or self._loaded[0] != name:
            self._loaded = None  # before the next is unpacked: only one is held at a time
            mean = torch.from_numpy(self._state[f"{name}/mean"]).to(self._backbone.device)
            packed = torch.from_numpy(self._state[f"{name}/whitening"]).to(mean.device)
            whitening = unpack(packed, mean.shape[1])
            self._loaded = (name, mean, whitening)
        return self._loaded[1:]


class Distances(torch.nn.Module):
    """The backbone's layers to the map of distances, as one network: what an engine can run.

    Args:
        embed: as fitted; its layers come first, each (B, C, h, w), then mean (P, D) and whitening (P, D, D).
    """

    def __init__(self, embed: Embedding) -> None:
        super().__init__()
        self._embed = embed

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """(B, P)."""
        *layers, mean, whitening = inputs
        return mahalanobis(self._embed.of(layers), mean, whitening)


class Stream:
    """One camera's frames, each judged by itself."""

    latency = past = 0
    pixels = True

    def __init__(
        self,
        params: Params,
        seen: Pass,
        distances: Callable[..., torch.Tensor],
        mean: torch.Tensor,
        whitening: torch.Tensor,
    ) -> None:
        self._params, self._pass, self._distances = params, seen, distances
        self._mean, self._whitening = mean, whitening

    def push(self, sight: Sight) -> list[Judged]:
        """The wanted frames of this sight."""
        if not sight.wanted:
            return []
        layers = self._pass(sight)
        seen = [layers[name].detach() for name in self._params.layers]
        grid, sigma = self._params.grid, self._params.sigma
        distances = self._distances(*seen, self._mean, self._whitening).view(-1, grid, grid).cpu().numpy()
        smooth = gaussian_filter(distances, (0, sigma, sigma))
        scores = aggregate(smooth, self._params.aggregate, self._params.top_fraction)
        return streaming.judged(sight, scores, smooth.astype(np.float16))


def mahalanobis(x: torch.Tensor, mean: torch.Tensor, whitening: torch.Tensor) -> torch.Tensor:
    """Distances (B, P) of ``x`` (P, B, D) from ``mean`` (P, D), by one batched product with ``whitening`` (P, D, D)."""
    return torch.bmm(x - mean[:, None], whitening.transpose(1, 2)).norm(dim=2).transpose(0, 1)


def aggregate(maps: np.ndarray, how: str, top_fraction: float) -> np.ndarray:
    """(N, h, w) maps -> (N,) float32: the maximum, the mean, or the mean of the largest ``top_fraction`` of cells."""
    cells = maps.reshape(len(maps), -1)
    if how == "max":
        return cells.max(axis=1)
    if how == "mean":
        return cells.mean(axis=1)
    keep = max(1, round(top_fraction * cells.shape[1]))
    return np.partition(cells, -keep, axis=1)[:, -keep:].mean(axis=1)
