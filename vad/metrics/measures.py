"""Frame-level metrics and their confidence intervals by bootstrap over clips.

Micro metrics pool the frames of all clips; the macro AUC averages the clips that have both classes. No clip is min-max
normalised and none is padded with a zero and a one, as some papers do. Frames of one clip are far from independent, so
an interval that resampled frames would be much too narrow: whole clips are resampled.

The bootstrap is exact for both AUCs, and linear in the frames: they are sorted once, and a resample that takes clip i
w_i times counts each of its frames w_i times. Of up to ``FEW`` clips, all pairs of clips are counted once in its place.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pydantic

from vad.pipeline.params import Section

MAX_LEVELS = 4000  # distinct scores kept apart in the bootstrap of average precision; more are grouped evenly
FEW = 128  # clips up to which all their pairs are counted at once
CELLS = 1_000_000  # weights of frames held at once in the bootstrap


class Params(Section):
    """Section ``evaluation`` of params.yaml."""

    resamples: int = pydantic.Field(ge=100, le=100_000)
    confidence: float = pydantic.Field(gt=0.5, lt=1)
    map_short_side: int = pydantic.Field(ge=16, le=1080)
    map_thresholds: int = pydantic.Field(ge=10, le=1000)
    alpha: float = pydantic.Field(gt=0, le=1)
    beta: float = pydantic.Field(gt=0, le=1)
    plot_detectors: int = pydantic.Field(ge=1, le=50)


@dataclass(frozen=True)
class Frames:
    """Scored frames of several clips.

    Attributes:
        scores: (N,) finite; higher = more anomalous.
        labels: (N,) 0 normal, 1 abnormal.
        clips: (N,) integer code of the clip, 0..C-1.
    """

    scores: np.ndarray
    labels: np.ndarray
    clips: np.ndarray

    @cached_property
    def class_sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """(C,) normal and (C,) abnormal frames per clip."""
        clips = int(self.clips.max()) + 1
        abnormal = np.bincount(self.clips, weights=self.labels, minlength=clips)
        return np.bincount(self.clips, minlength=clips) - abnormal, abnormal

    def roc_auc(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Micro AUC per row of clip multiplicities ``weights`` (R, C), default once each; NaN with one class only.

        In float64 exact up to 10^15 pairs.
        """
        weights = self._once(weights)
        normal, abnormal = self.class_sizes
        if len(normal) <= FEW:
            pairs = np.einsum("ri,ij,rj->r", weights, self._matrix, weights, optimize=True)
            return _ratio(pairs, (weights @ normal) * (weights @ abnormal))
        pairs = np.concatenate([self._pairs(part) for part in np.array_split(weights, self._parts(len(weights)))])
        return _ratio(pairs, (weights @ normal) * (weights @ abnormal))

    @cached_property
    def _matrix(self) -> np.ndarray:
        """(C, C) pairs of an abnormal frame of clip i above a normal frame of clip j, ties half; for few clips."""
        normal, abnormal = self._count(self.clips, exact=True)
        return abnormal.T @ (np.cumsum(normal, axis=0) - 0.5 * normal)

    def _pairs(self, weights: np.ndarray) -> np.ndarray:
        """(R,) pairs of an abnormal frame above a normal one, ties half, frames weighted as their clips."""
        ends, clips, is_abnormal = self._ranked
        of_frame = weights[:, clips]
        normal = np.add.reduceat(of_frame * ~is_abnormal, ends[:-1], axis=1)
        abnormal = np.add.reduceat(of_frame * is_abnormal, ends[:-1], axis=1)
        return (abnormal * (np.cumsum(normal, axis=1) - 0.5 * normal)).sum(axis=1)

    def _parts(self, rows: int) -> int:
        """Into how many parts so many rows of weights are split, so that each holds ``CELLS`` weights of frames."""
        return min(rows, -(-rows * len(self.scores) // CELLS)) or 1

    @cached_property
    def _ranked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Frames by ascending score: (L + 1,) where each distinct score begins, (N,) clips, (N,) bool abnormal."""
        order = np.argsort(self.scores, kind="stable")
        scores = self.scores[order]
        ends = np.concatenate([[0], np.flatnonzero(scores[1:] != scores[:-1]) + 1, [len(scores)]])
        return ends, self.clips[order], self.labels[order].astype(bool)

    def roc_auc_macro(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Mean AUC over the clips that have both classes, as :meth:`roc_auc`."""
        weights = self._once(weights)
        normal, abnormal = self.class_sizes
        both = np.flatnonzero((normal > 0) & (abnormal > 0))
        order = np.argsort(self.clips, kind="stable")
        starts = np.searchsorted(self.clips[order], np.arange(len(normal) + 1))
        own = (order[starts[clip] : starts[clip + 1]] for clip in both)
        per_clip = np.array([auc(self.scores[rows], self.labels[rows]) for rows in own])
        return _ratio(weights[:, both] @ per_clip, weights[:, both].sum(axis=1))

    def average_precision(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Average precision, sum of (recall step) x precision over descending thresholds, as :meth:`roc_auc`.

        With ``weights``, more than 4,000 distinct scores are grouped evenly into 4,000: the interval's error is
        below 0.001 and the estimate itself stays exact.
        """
        if weights is None:
            normal, abnormal, weights = *self._count(None), np.ones((1, 1))
        else:
            normal, abnormal, weights = *self._count(self.clips), np.asarray(weights, dtype=np.float64)
        hits = weights @ abnormal[::-1].T
        alarms = np.cumsum(hits + weights @ normal[::-1].T, axis=1)
        precision = np.cumsum(hits, axis=1) / np.maximum(alarms, 1)
        return _ratio((hits * precision).sum(axis=1), hits.sum(axis=1))

    def _count(self, clips: np.ndarray | None, exact: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """(L, C) numbers of normal and of abnormal frames per distinct score (ascending) and clip.

        Without ``clips`` all frames count as of one; with them at most ``MAX_LEVELS`` scores are told apart,
        unless ``exact``.
        """
        values, level = np.unique(self.scores, return_inverse=True)
        levels, count, cell = len(values), 1, level
        if clips is not None:
            if levels > MAX_LEVELS and not exact:
                level, levels = level * MAX_LEVELS // levels, MAX_LEVELS
            count = int(self.clips.max()) + 1
            cell = level * count + clips
        abnormal = self.labels.astype(bool)
        counts = [np.bincount(cell[rows], minlength=levels * count) for rows in (~abnormal, abnormal)]
        normal, hits = (own.reshape(levels, count).astype(np.float64) for own in counts)
        return normal, hits

    def _once(self, weights: np.ndarray | None) -> np.ndarray:
        return np.ones((1, len(self.class_sizes[0]))) if weights is None else np.asarray(weights, dtype=np.float64)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


def resamples(clips: int, count: int, seed: int) -> np.ndarray:
    """(count, clips) multiplicities of a bootstrap over clips."""
    return np.random.default_rng(seed).multinomial(clips, np.full(clips, 1 / clips), size=count).astype(np.float64)


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Percentile interval of bootstrap values; resamples that had one class only (NaN) are left out."""
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Micro ROC-AUC of ``scores``, ties counted half; NaN where one class is missing."""
    abnormal = np.asarray(labels).astype(bool)
    positives, negatives = int(abnormal.sum()), int((~abnormal).sum())
    if not positives or not negatives:
        return float("nan")
    normal = np.sort(scores[~abnormal])
    ranks = np.searchsorted(normal, scores[abnormal], "left") + np.searchsorted(normal, scores[abnormal], "right")
    return float(ranks.sum() / (2 * positives * negatives))


def curve(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """False and true alarms at every distinct threshold, descending.

    Returns:
        (thresholds, false alarms, true alarms), each (L,); a frame is an alarm where score >= threshold.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hit = scores[order], np.asarray(labels)[order].astype(bool)
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    true = np.cumsum(hit)[last]
    return ranked[last], last + 1 - true, true


def roc(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(false positive rate, true positive rate), each from 0 to 1; both classes must be there."""
    _, false, true = curve(scores, labels)
    return np.append(0, false) / false[-1], np.append(0, true) / true[-1]


def equal_error_rate(scores: np.ndarray, labels: np.ndarray) -> float:
    """Where the false positive rate equals the false negative rate, on the linearly interpolated ROC curve."""
    fpr, tpr = roc(scores, labels)
    excess = fpr - (1 - tpr)  # rises from -1 to 1
    after = int(np.argmax(excess >= 0))
    share = -excess[after - 1] / (excess[after] - excess[after - 1])
    return float(fpr[after - 1] + share * (fpr[after] - fpr[after - 1]))


def confusion(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """tp, fp, fn, tn and f1, precision, recall (0 where undefined) of 0/1 predictions."""
    predicted, abnormal = np.asarray(predicted).astype(bool), np.asarray(labels).astype(bool)
    tp, fp = int((predicted & abnormal).sum()), int((predicted & ~abnormal).sum())
    fn, tn = int((~predicted & abnormal).sum()), int((~predicted & ~abnormal).sum())
    return {
        "f1": 2 * tp / max(2 * tp + fp + fn, 1),
        "precision": tp / max(tp + fp, 1),
        "recall": tp / max(tp + fn, 1),
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "tn": tn,
    }
