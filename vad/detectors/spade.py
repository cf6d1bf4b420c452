"""SPADE (Cohen & Hoshen 2020, "Sub-Image Anomaly Detection with Deep Pyramid Correspondences").

A frame's K nearest normal frames by pooled deep features (section 3.2) are its gallery; each position's distance to
the nearest feature vectors of the gallery, at any position (section 3.3), makes the map. To stay within seconds and
200 MB, positions are those of a coarse grid, and the gallery comes from an evenly spaced subset of the normal frames.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pydantic
import torch
from tqdm import tqdm

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.detectors.streaming import Judged
from vad.features import backbones, batching
from vad.features.backbones import Backbone
from vad.perception.passes import Pass
from vad.perception.sight import Perception, Sight
from vad.pipeline.errors import CannotFit
from vad.pipeline.params import Section

TITLE = "SPADE"
READS = ("frames",)
ROLE = "normal"
LABELLED = False
NEEDS_BACKBONE = True
BENCHMARK = {"score": None}

CHUNK = 8  # frames whose galleries are in memory at once


class Params(Section):
    """Section ``spade`` of params.yaml."""

    pooled_layer: Literal["layer1", "layer2", "layer3", "layer4"]
    layers: list[Literal["layer1", "layer2", "layer3", "layer4"]] = pydantic.Field(min_length=1)
    grid: int = pydantic.Field(ge=4, le=56)
    neighbours: int = pydantic.Field(ge=1, le=1000)
    gallery: int = pydantic.Field(ge=1, le=20000)
    gallery_neighbours: int = pydantic.Field(ge=1, le=1000)
    pixel_neighbours: int = pydantic.Field(ge=1, le=100)
    per_scene: bool
    frame_score: Literal["pooled", "map_max", "map_mean"]


def embed(frames: np.ndarray, params: Params, backbone: Backbone) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, H, W, 3) uint8 RGB -> pooled (B, C) and pyramid (B, P, D) features, float32."""
    *pyramid, deep = backbone.features(backbone.preprocess(frames), [*params.layers, params.pooled_layer])
    return embed_layers(pyramid, deep, params.grid)


def embed_layers(pyramid: Sequence[torch.Tensor], deep: torch.Tensor, grid: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The same from the layers, each (B, C, h, w)."""
    whole = torch.cat([backbones.resample(layer, grid) for layer in pyramid], dim=1)  # (B, D, g, g)
    return deep.mean(dim=(2, 3)), whole.flatten(2).transpose(1, 2)


def fit(clips: Sequence[Clip], params: Params, seed: int, backbone: Backbone) -> dict[str, np.ndarray]:
    """Features of ``clips``' frames. Draws nothing from ``seed``.

    Returns:
        ``pooled`` (N, C) float16 with the frame's ``scene`` (N,), an index into the names ``scenes`` (S, L) uint8;
        ``gallery`` (G, P, D) float16 and the row ``gallery_frame`` (G,) in ``pooled`` of each of its frames.
    """
    clips = sorted((clip for clip in clips if len(clip.frames)), key=lambda clip: clip.scene)
    total = sum(len(clip.frames) for clip in clips)
    if not total:
        raise CannotFit("no normal frame to fit on: add training clips")
    kept = np.linspace(0, total - 1, min(params.gallery, total)).round().astype(np.int64)
    pooled, gallery, seen = [], [], 0
    with tqdm(total=total, desc="fit spade", unit="frame") as bar:
        for frames in batching.batches(clips):
            deep, pyramid = embed(frames, params, backbone)
            pooled.append(deep.half().cpu().numpy())
            rows = kept[(kept >= seen) & (kept < seen + len(frames))] - seen
            gallery.append(pyramid[rows].half().cpu().numpy())
            seen += len(frames)
            bar.update(len(frames))
    names = sorted({clip.scene for clip in clips})
    scene = np.concatenate([np.full(len(clip.frames), names.index(clip.scene)) for clip in clips])
    return {
        "pooled": np.concatenate(pooled),
        "scene": scene.astype(np.int64),
        "scenes": np.array(names, dtype="S").view(np.uint8).reshape(len(names), -1),
        "gallery": np.concatenate(gallery),
        "gallery_frame": kept,
    }


class Detector:
    """Scores frames by their distance to the nearest normal ones."""

    def __init__(self, state: dict[str, np.ndarray], params: Params, backbone: Backbone) -> None:
        self._params = params
        self._backbone = backbone
        names = [bytes(row).rstrip(b"\0").decode() for row in state["scenes"]]
        self._scene = {name: number for number, name in enumerate(names)}
        device = backbone.device
        self._scenes = torch.from_numpy(state["scene"]).to(device)
        self._pooled = torch.from_numpy(state["pooled"]).to(device).float()
        self._gallery = torch.from_numpy(state["gallery"]).to(device)
        self._gallery_frame = torch.from_numpy(state["gallery_frame"]).to(device)

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """(N,) float32 scores and (N, grid, grid) float16 maps of distances to the nearest gallery features."""
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> "Stream":
        """Start on one camera."""
        params, scene = self._params, perception.camera.scene
        permitted = torch.ones_like(self._scenes, dtype=torch.bool)
        if params.per_scene and scene in self._scene:
            permitted = self._scenes == self._scene[scene]
        in_gallery = permitted[self._gallery_frame]
        rows = torch.nonzero(in_gallery if in_gallery.any() else ~in_gallery)[:, 0]
        gallery_pooled = self._pooled[self._gallery_frame[rows]]
        seen = Pass.shared(perception, self._backbone, [*params.layers, params.pooled_layer])
        return Stream(params, seen, self._pooled[permitted], Gallery(self._gallery, rows, gallery_pooled))


class Gallery(NamedTuple):
    """The normal frames whose positions are compared with.

    Attributes:
        pyramids: (G, P, D) float16 of all scenes; rows: (g,) the permitted; pooled: (g, C) their pooled features.
    """

    pyramids: torch.Tensor
    rows: torch.Tensor
    pooled: torch.Tensor


class Stream:
    """One camera's frames, each judged by itself."""

    latency = past = 0
    pixels = True

    def __init__(self, params: Params, seen: Pass, pooled: torch.Tensor, gallery: Gallery) -> None:
        self._params, self._pass = params, seen
        self._pooled, self._gallery = pooled, gallery

    def push(self, sight: Sight) -> list[Judged]:
        """The wanted frames of this sight."""
        if not sight.wanted:
            return []
        params, seen = self._params, self._pass(sight)
        layers = [seen[name].detach() for name in (*params.layers, params.pooled_layer)]
        pooled, pyramid = embed_layers(layers[:-1], layers[-1], params.grid)
        distances = self._distances(pooled, pyramid).cpu().numpy()
        if params.frame_score == "pooled":
            scores = nearest(pooled, self._pooled, params.neighbours).cpu().numpy()
        else:
            scores = distances.max(axis=1) if params.frame_score == "map_max" else distances.mean(axis=1)
        return streaming.judged(sight, scores, distances.reshape(-1, params.grid, params.grid).astype(np.float16))

    def _distances(self, pooled: torch.Tensor, pyramid: torch.Tensor) -> torch.Tensor:
        """(B, P) distances of each position to the nearest of the frame's own gallery."""
        params, gallery = self._params, self._gallery
        similar = torch.cdist(pooled, gallery.pooled)
        similar = similar.topk(min(params.gallery_neighbours, len(gallery.rows)), largest=False).indices
        maps = []
        for positions, rows in zip(pyramid.split(CHUNK), gallery.rows[similar].split(CHUNK), strict=True):
            features = gallery.pyramids[rows].flatten(1, 2).float()  # (CHUNK, K, P, D) -> (CHUNK, K P, D)
            maps.append(nearest(positions, features, params.pixel_neighbours))
        return torch.cat(maps)


def nearest(x: torch.Tensor, gallery: torch.Tensor, k: int) -> torch.Tensor:
    """Mean distance (..., N) of each row of ``x`` (..., N, D) to the ``k`` nearest of ``gallery`` (..., M, D)."""
    k = min(k, gallery.shape[-2])
    return torch.cdist(x, gallery).topk(k, largest=False).values.mean(dim=-1)
