"""Joint image-text encoders behind one small interface, and the cached embedding of every frame.

An encoder maps images and sentences to unit vectors of one space, so that their dot product says how well a sentence
describes an image. ``data/embeddings.npz`` holds each frame's vector, computed once for every method that needs it:
``clip`` (N,) names, ``frame`` (N,) int64 and ``embedding`` (N, D) float32, sorted by clip and frame.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pandas as pd
import pydantic

from vad.data.frames import Clip
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section

EMBEDDINGS = Path("data/embeddings.npz")


class Params(Section):
    """Section ``encoder``."""

    name: Literal["open_clip", "conse"]
    model: str
    pretrained: str
    backbone: str
    image_size: int = pydantic.Field(ge=64, le=1024)
    labels: int = pydantic.Field(ge=1, le=1000)
    crops: Literal[1, 5]


class Encoder(Protocol):
    """What every encoder offers.

    Attributes:
        name: for the report; dim: D, the length of its vectors; digest: SHA-256 of the weights that images pass.
    """

    name: str
    dim: int

    @property
    def digest(self) -> str: ...

    def encode_images(self, batch: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB -> (B, D) float32 unit rows."""

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """T sentences -> (T, D) float32 unit rows."""


def views(batch: np.ndarray, crops: int) -> list[np.ndarray]:
    """The pictures that stand for one: the whole frame, and with ``crops`` = 5 its four quarters too."""
    if crops == 1:
        return [batch]
    _, height, width, _ = batch.shape
    top, bottom = slice(None, height // 2), slice(height // 2, None)
    left, right = slice(None, width // 2), slice(width // 2, None)
    return [batch] + [batch[:, rows, columns] for rows in (top, bottom) for columns in (left, right)]


def unit(vectors: np.ndarray) -> np.ndarray:
    """(N, D) rows scaled to length 1, float32."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)


def embed_clip(clip: Clip, encoder: Encoder) -> np.ndarray:
    """(N, D) float32 of ``clip.frames``. A batch never runs on into another clip: sums would round by the neighbour."""
    from vad.features.batching import batches

    found = [encoder.encode_images(images) for images in batches([clip])]
    return np.concatenate([np.zeros((0, encoder.dim), np.float32), *found])


def embed(clips: Sequence[Clip], encoder: Encoder) -> dict[str, np.ndarray]:
    """The arrays of ``data/embeddings.npz`` for every frame of ``clips``, computed here."""
    empty = np.zeros((0, encoder.dim), np.float32)
    return arrays(clips, np.concatenate([empty, *(embed_clip(clip, encoder) for clip in clips)]))


def arrays(clips: Sequence[Clip], embedding: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of ``data/embeddings.npz``; ``embedding`` (N, D) holds the frames of ``clips`` in order."""
    return {
        "clip": np.array([clip.name for clip in clips for _ in clip.frames], dtype=str),
        "frame": np.concatenate([np.zeros(0, np.int64), *(clip.frames for clip in clips)]),
        "embedding": embedding,
    }


def load_embeddings(path: Path | str = EMBEDDINGS) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Clip name -> ((N,) ascending frame numbers, (N, D) float32 unit rows)."""
    stored = artifacts.load_arrays(path)
    clip, frame, embedding = (stored[name] for name in ("clip", "frame", "embedding"))
    rows = pd.Series(np.arange(len(clip))).groupby(clip).indices
    return {str(name): (frame[own], embedding[own]) for name, own in rows.items()}


def with_embeddings(
    clips: Iterable[Clip], cached: dict[str, tuple[np.ndarray, np.ndarray]] | None = None
) -> list[Clip]:
    """The same clips, each with the cached embeddings of its frames.

    Args:
        cached: what :func:`load_embeddings` gave; read where it is not given.

    Raises:
        UserError: a frame has none: the file is older than the sample.
    """
    cached, filled = load_embeddings() if cached is None else cached, []
    for clip in clips:
        numbers, embeddings = cached.get(clip.name, (np.zeros(0, np.int64), np.zeros((0, 1), np.float32)))
        rows = np.searchsorted(numbers, clip.frames)
        known = rows < len(numbers)
        if not known.all() or (numbers[rows] != clip.frames).any():
            raise UserError(f"{EMBEDDINGS} has no embedding for some frames of clip {clip.name}: run 'dvc repro embed'")
        filled.append(replace(clip, embeddings=embeddings[rows]))
    return filled
