"""How surprising a score is among held-out normal scores, beyond the largest of them too.

Up to a high quantile the tail probability is the empirical one; beyond it the excesses follow a generalised Pareto
law (Pickands 1975), fitted by probability-weighted moments (Hosking & Wallis 1987). Surprises of different scores are
on one scale, nats, and their sum is the logarithm of a product of tail probabilities (Fisher's combination).
"""

from dataclasses import dataclass

import numpy as np

BODY = 0.95  # quantile from which on the Pareto tail takes over
KNOTS = 1000


@dataclass(frozen=True)
class Tail:
    """The upper tail of a score on normal data.

    Attributes:
        knots: (KNOTS,) quantiles of the score at evenly spaced levels 0 to BODY.
        shape: Pareto shape, >= 0: 0 is an exponential tail, larger is heavier.
        scale: Pareto scale, in units of the score.
    """

    knots: np.ndarray
    shape: float
    scale: float

    @classmethod
    def fit(cls, normal: np.ndarray) -> "Tail":
        """From (N,) scores of held-out normal data."""
        knots = np.quantile(normal, np.linspace(0, BODY, KNOTS))
        excess = np.sort(normal[normal > knots[-1]]) - knots[-1]
        if len(excess) < 2:
            return cls(knots, 0.0, max(float(normal.std()), 1e-9))
        first = float(excess.mean())
        second = float((excess * np.arange(len(excess))[::-1]).mean() / (len(excess) - 1))
        shape = 2 - first / (first - 2 * second) if first > 2 * second else 0.0
        if shape <= 0:
            return cls(knots, 0.0, max(first, 1e-9))
        return cls(knots, shape, 2 * first * second / (first - 2 * second))

    def surprise(self, scores: np.ndarray) -> np.ndarray:
        """(N,) -> (N,) -log P(a normal score is at least this high), 0 for the lowest."""
        levels = -np.log1p(-np.linspace(0, BODY, KNOTS))
        beyond = np.maximum(scores - self.knots[-1], 0) / self.scale
        beyond = np.log1p(self.shape * beyond) / self.shape if self.shape > 1e-6 else beyond
        return np.interp(scores, self.knots, levels) + beyond

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """The tail under ``<prefix>.knots`` and ``<prefix>.pareto``."""
        return {f"{prefix}.knots": self.knots, f"{prefix}.pareto": np.array([self.shape, self.scale])}

    @classmethod
    def from_arrays(cls, state: dict[str, np.ndarray], prefix: str) -> "Tail":
        """What :meth:`arrays` made."""
        shape, scale = state[f"{prefix}.pareto"]
        return cls(state[f"{prefix}.knots"], float(shape), float(scale))
