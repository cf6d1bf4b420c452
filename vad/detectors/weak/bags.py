"""Videos as bags of snippets, read when they are needed: memory does not grow with the data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from vad.detectors.weak.sampling import even


class Features(Protocol):
    """One video's snippet features."""

    @property
    def name(self) -> str:
        """The video's."""
        ...

    @property
    def crops(self) -> int:
        """Views of each snippet, 1 or as many as the file holds."""
        ...

    def read(self, crop: int) -> np.ndarray:
        """(T, D) float32 features of one view."""
        ...


@dataclass(frozen=True)
class Held:
    """Features that are in memory: (T, D)."""

    name: str
    values: np.ndarray
    crops: int = 1

    def read(self, crop: int) -> np.ndarray:
        return self.values


@dataclass(frozen=True)
class Bags:
    """Videos with their labels: (N,) 0 or 1, nothing per snippet."""

    videos: Sequence[Features]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.videos)

    def only(self, rows: np.ndarray) -> "Bags":
        return Bags([self.videos[row] for row in rows], self.labels[rows])

    def batch(self, rows: np.ndarray, most: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, T, D) features padded with zeros to the longest, one drawn crop of each; (B, T) bool valid."""
        read = [sampled(self.videos[row], int(rng.integers(self.videos[row].crops)), most) for row in rows]
        return padded(read)


def sampled(video: Features, crop: int, most: int) -> np.ndarray:
    """(T, D) float32 with at most ``most`` snippets, evenly sampled."""
    values = video.read(crop)
    return np.ascontiguousarray(values[even(len(values), most)], dtype=np.float32)


def padded(videos: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """(T_i, D) arrays -> (B, T, D) float32 with zeros behind the shorter ones, (B, T) bool."""
    longest = max(len(video) for video in videos)
    batch = np.zeros((len(videos), longest, videos[0].shape[1]), np.float32)
    valid = np.zeros((len(videos), longest), bool)
    for row, video in enumerate(videos):
        batch[row, : len(video)], valid[row, : len(video)] = video, True
    return torch.from_numpy(batch), torch.from_numpy(valid)


def statistics(videos: Sequence[Features], most: int, rng: np.random.Generator, count: int = 200) -> np.ndarray:
    """(2, D) float32 mean and deviation of the features, from at most ``count`` videos drawn."""
    chosen = rng.permutation(len(videos))[:count]
    total, squares, rows = 0.0, 0.0, 0
    for one in np.sort(chosen):
        values = sampled(videos[one], 0, most).astype(np.float64)
        total, squares, rows = total + values.sum(0), squares + (values**2).sum(0), rows + len(values)
    mean = total / rows
    deviation = np.sqrt(np.maximum(squares / rows - mean**2, 0))
    return np.stack([mean, np.maximum(deviation, 1e-4 + 1e-3 * deviation.mean())]).astype(np.float32)
