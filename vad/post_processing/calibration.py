"""Scores as quantiles of held-out normal video: one scale, (0, 1), for every detector.

A calibrated score of 0.99 says that 1 % of held-out normal frames score as high. Nothing is learned from test frames
and nothing is normalised per clip.

Inside the range of the n normal scores, the value is their empirical distribution function with Hazen's plotting
positions, (i - 0.5) / n, linearly interpolated between distinct scores. Beyond the largest normal score x_n the
empirical function is 1 for every anomaly and would tie them all; there the upper tail goes on as a generalised Pareto
tail of shape 1 (Pickands 1975; Coles 2001, ch. 4)

    1 - F(x) = (0.5 / n) / (1 + (x - x_n) / s),     s = mean excess of the normal scores over their 90 % quantile,

and mirrored below the smallest. The shape is fixed and heavy, not fitted: consecutive frames are so dependent that a
fitted shape is noise, and the heavy tail stays strictly increasing in float64 for float32 scores up to some 10^8 s
above x_n, where an exponential one is flat after 36 s. Calibration is thus strictly monotone everywhere and leaves a
detector's AUC untouched.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vad.pipeline.errors import UserError

TAIL_QUANTILE = 0.9


def quantile(scores: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """``scores`` as quantiles of ``normal``.

    Args:
        scores: (N,) finite scores.
        normal: (M,) finite scores of held-out normal frames, M >= 1.

    Returns:
        (N,) float64 in (0, 1), strictly increasing in the score.
    """
    return Distribution.of(normal).quantile(scores)


@dataclass(frozen=True)
class Distribution:
    """Held-out normal scores, sorted once: a camera asks for one quantile per frame, of many hours of them.

    Attributes:
        values: (K,) ascending, the distinct ones. positions: (K,) their quantiles.
        upper, lower: scales of the tails.
    """

    values: np.ndarray
    positions: np.ndarray
    upper: float
    lower: float

    @classmethod
    def of(cls, normal: np.ndarray) -> "Distribution":
        """That of (M,) finite scores, M >= 1."""
        values, counts = np.unique(np.asarray(normal, dtype=np.float64), return_counts=True)
        if not len(values):
            raise ValueError("calibration needs at least one held-out normal score")
        positions = (np.cumsum(counts) - 0.5 * counts) / counts.sum()
        upper, lower = (_mean_excess(values, counts, upper=side) for side in (True, False))
        return cls(values, positions, upper, lower)

    def quantile(self, scores: np.ndarray) -> np.ndarray:
        """See :func:`quantile`."""
        scores, values, positions = np.asarray(scores, dtype=np.float64), self.values, self.positions
        result = np.interp(scores, values, positions)
        above, below = scores > values[-1], scores < values[0]
        result[above] = 1 - (1 - positions[-1]) / (1 + (scores[above] - values[-1]) / self.upper)
        result[below] = positions[0] / (1 + (values[0] - scores[below]) / self.lower)
        return result


def _mean_excess(values: np.ndarray, counts: np.ndarray, upper: bool) -> float:
    """The tail's scale: mean distance to the 90 % quantile (or the 10 % one) of the scores beyond it."""
    if not upper:
        values, counts = -values[::-1], counts[::-1]
    rank = np.cumsum(counts)
    start = np.searchsorted(rank, TAIL_QUANTILE * rank[-1])
    excess = np.average(values[start:] - values[start], weights=counts[start:])
    if excess > 0:
        return float(excess)
    spread = np.average(np.abs(values - values[start]), weights=counts)
    return float(spread or abs(values[-1]) or 1.0)


def by_fold(rows: pd.DataFrame, column: str) -> np.ndarray:
    """One detector's ``column``, every row calibrated against its own fold's held-out normal rows.

    Args:
        rows: columns role, fold and ``column``. Calibration rows of fold -1 stand for every fold that has none of its
            own: a detector fitted without labels has one state for all folds.

    Returns:
        (len(rows),) float64 in (0, 1), aligned with ``rows``.

    Raises:
        UserError: a fold has no calibration rows.
    """
    folds, values = rows["fold"].to_numpy(), rows[column].to_numpy(np.float64)
    held_out = (rows["role"] == "calibration").to_numpy()
    result = np.empty(len(rows))
    for fold in np.unique(folds):
        own = held_out & (folds == fold)
        normal = values[own] if own.any() else values[held_out & (folds == -1)]
        if not len(normal):
            raise UserError(
                f"fold {fold} has no scores of role 'calibration' to compare with: "
                "give the data set more training clips or raise the sample's calibration share in params.yaml"
            )
        result[folds == fold] = quantile(values[folds == fold], normal)
    return result


def surprise(calibrated: np.ndarray | float) -> np.ndarray:
    """-ln(1 - calibrated), >= 0: the negative log p-value of a frame under normality; on this scale scores add up."""
    return -np.log1p(-np.asarray(calibrated, dtype=np.float64))
