"""The temporal network: snippet features -> a score per snippet, for a video of any length.

A pyramid of dilated convolutions (Tian et al. 2021, RTFM, section 3.2) sees the neighbourhood at three ranges, local
self-attention with relative positions (Shaw et al. 2018) the wider one; two layers with batch normalisation follow,
whose statistics are what BN-WVAD measures distances to (Zhou et al. 2023, section 3.2), and a classifier.

Videos of a batch are padded to the longest; padding is masked in every layer and in every statistic, so that a video
scores the same however it is padded.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn

DILATIONS = (1, 2, 4)
HEADS = 4


class MaskedBatchNorm(nn.Module):
    """Batch normalisation over the valid snippets of (B, T, C) alone; ``mean`` and ``variance`` are running."""

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.momentum, self.epsilon = momentum, epsilon

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        mean, variance = self.mean, self.variance
        if self.training:
            rows = x[valid]  # (V, C)
            mean, variance = rows.mean(0), rows.var(0, unbiased=False)
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(variance, self.momentum)
        return (x - mean) * torch.rsqrt(variance + self.epsilon) * self.weight + self.bias

    def distance(self, x: Tensor) -> Tensor:
        """(..., C) inputs of this layer -> (...) Mahalanobis distance to the running mean, by running variances."""
        return ((x - self.mean).square() / (self.variance + self.epsilon)).sum(-1).clamp_min(1e-12).sqrt()


class LocalAttention(nn.Module):
    """Self-attention among snippets at most ``reach`` apart, with a learnt bias by head and relative position."""

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.reach, self.size = reach, width // HEADS
        self.queries, self.keys, self.values = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.bias = nn.Parameter(torch.zeros(HEADS, 2 * reach + 1))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        place = torch.arange(x.shape[1], device=x.device)
        apart = place[None, :] - place[:, None]  # (T, T)
        bias = self.bias[:, apart.clamp(-self.reach, self.reach) + self.reach]  # (heads, T, T)
        allowed = (apart.abs() <= self.reach) & valid[:, None, :] | (apart == 0)  # (B, T, T)
        query, key, value = (self._heads(layer(x)) for layer in (self.queries, self.keys, self.values))
        weights = query @ key.transpose(2, 3) / math.sqrt(self.size) + bias
        weights = weights.masked_fill(~allowed[:, None], -1e4).softmax(-1)
        return (weights @ value).transpose(1, 2).flatten(2)  # (B, T, width)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (HEADS, self.size)).transpose(1, 2)  # (B, heads, T, size)


class Network(nn.Module):
    """The network.

    Args:
        dim: of a snippet's features. width: of the hidden layers, a multiple of 8. reach: of the attention, snippets.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, dim: int, width: int, reach: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("spread", torch.ones(dim))
        self.reduce = nn.Linear(dim, width)
        self.pyramid = nn.ModuleList(nn.Conv1d(width, width // 2, 3, padding=d, dilation=d) for d in DILATIONS)
        self.attention = LocalAttention(width, reach)
        self.mix = nn.Linear(2 * width + len(DILATIONS) * (width // 2), width)
        self.first, self.second = nn.Linear(width, width // 4), nn.Linear(width // 4, width // 8)
        self.norms = nn.ModuleList((MaskedBatchNorm(width // 4), MaskedBatchNorm(width // 8)))
        self.classify = nn.Linear(width // 8, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Scores of a batch of videos.

        Args:
            features: (B, T, dim), anything where padded; valid: (B, T) bool.

        Returns:
            (B, T) logits; (B, T) sum of both layers' distances; the layers' inputs (B, T, width/4), (B, T, width/8).
        """
        keep = valid[:, :, None]
        x = ((features - self.centre) / self.spread).masked_fill(~keep, 0)
        x = self.dropout(self.reduce(x).relu()).masked_fill(~keep, 0)
        along = x.transpose(1, 2)
        seen = [layer(along).relu().transpose(1, 2) for layer in self.pyramid]
        x = x + self.mix(torch.cat([x, *seen, self.attention(x, valid)], dim=2)).relu()
        one = self.first(self.dropout(x))
        first, second = self.normalisations
        two = self.second(first(one, valid).relu())
        logits = self.classify(second(two, valid).relu())[:, :, 0]
        return logits, first.distance(one) + second.distance(two), (one, two)

    @property
    def normalisations(self) -> tuple[MaskedBatchNorm, MaskedBatchNorm]:
        """Those of both layers, by which distances are measured."""
        return cast(MaskedBatchNorm, self.norms[0]), cast(MaskedBatchNorm, self.norms[1])


class Scorer(nn.Module):
    """One whole video -> (T,) scores: what is exported. BN-WVAD's is distance times classifier (section 3.5)."""

    def __init__(self, network: Network, loss: str) -> None:
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, features: Tensor) -> Tensor:
        """(T, dim) -> (T,)."""
        batch = features[None]
        logits, distance, _ = self.network(batch, torch.ones_like(batch[:, :, 0], dtype=torch.bool))
        scores = logits.sigmoid() * distance if self.loss == "bn_wvad" else logits.sigmoid()
        return scores[0]
