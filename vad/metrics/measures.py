"""Frame-level metrics and their confidence intervals by bootstrap over clips.

Micro metrics pool the frames of all clips; the macro AUC averages the clips that have both classes. No clip is min-max
normalised and none is padded with a zero and a one, as some papers do. Frames of one clip are far from independent, so
an interval that resampled frames would be much too narrow: whole clips are resampled.

The bootstrap is exact for both AUCs and quick: with n_ij the number of pairs of an abnormal frame of clip i that
outscores a normal frame of clip j (ties count half), a resample that takes clip i w_i times has AUC = w'Nw /
(w'p)(w'q).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pydantic

from vad.pipeline.params import Section

MAX_LEVELS = 4000  # distinct scores kept apart in the bootstrap of average precision; more are grouped evenly


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
    def _counts(self) -> tuple[np.ndarray, np.ndarray]:
        """(L, C) numbers of normal and of abnormal frames per distinct score (ascending) and clip."""
        levels, level = np.unique(self.scores, return_inverse=True)
        return self._count(level, len(levels))

    def _count(self, level: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
        clips = int(self.clips.max()) + 1
        cell = level * clips + self.clips
        abnormal = self.labels.astype(bool)
        normal_counts = np.bincount(cell[~abnormal], minlength=levels * clips).reshape(levels, clips)
        abnormal_counts = np.bincount(cell[abnormal], minlength=levels * clips).reshape(levels, clips)
        return normal_counts.astype(np.float64), abnormal_counts.astype(np.float64)

    @cached_property
    def pairs(self) -> np.ndarray:
        """(C, C) number of pairs of an abnormal frame of clip i above a normal frame of clip j, ties half."""
        normal, abnormal = self._counts
        below = np.cumsum(normal, axis=0) - 0.5 * normal
        return abnormal.T @ below

    @cached_property
    def class_sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """(C,) normal and (C,) abnormal frames per clip."""
        clips = int(self.clips.max()) + 1
        abnormal = np.bincount(self.clips, weights=self.labels, minlength=clips)
        return np.bincount(self.clips, minlength=clips) - abnormal, abnormal

    def roc_auc(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Micro AUC per row of clip multiplicities ``weights`` (R, C), default once each; NaN with one class only."""
        weights = self._once(weights)
        normal, abnormal = self.class_sizes
        pairs = np.einsum("ri,ij,rj->r", weights, self.pairs, weights, optimize=True)
        return _ratio(pairs, (weights @ normal) * (weights @ abnormal))

    def roc_auc_macro(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Mean AUC over the clips that have both classes, as :meth:`roc_auc`."""
        weights = self._once(weights)
        normal, abnormal = self.class_sizes
        both = (normal > 0) & (abnormal > 0)
        per_clip = np.diag(self.pairs)[both] / (normal * abnormal)[both]
        return _ratio(weights[:, both] @ per_clip, weights[:, both].sum(axis=1))

    def average_precision(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Average precision, sum of (recall step) x precision over descending thresholds, as :meth:`roc_auc`.

        With ``weights``, more than 4,000 distinct scores are grouped evenly into 4,000: the interval's error is
        below 0.001 and the estimate itself stays exact.
        """
        normal, abnormal = self._counts if weights is None else self._coarse
        weights = self._once(weights)
        hits = weights @ abnormal[::-1].T
        alarms = np.cumsum(hits + weights @ normal[::-1].T, axis=1)
        precision = np.cumsum(hits, axis=1) / np.maximum(alarms, 1)
        return _ratio((hits * precision).sum(axis=1), hits.sum(axis=1))

    @cached_property
    def _coarse(self) -> tuple[np.ndarray, np.ndarray]:
        if len(self._counts[0]) <= MAX_LEVELS:
            return self._counts
        levels, level = np.unique(self.scores, return_inverse=True)
        return self._count(level * MAX_LEVELS // len(levels), MAX_LEVELS)

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
