"""How much of a labelled method's figure is leak: the protocols ``paper`` and ``clean`` on the same frames.

Methods of labelled frames score one balanced pool of labelled test frames. Under ``paper`` a method is fitted on frames
of that very pool; under ``clean`` each clip is scored by a fit on frames of other clips alone. A method of one label
per clip scores whole clips, by a fit on the labels of all of them or of the other folds'. The leak is paper minus
clean; intervals come from one bootstrap over clips that both share, so that the difference's is paired.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vad.data.frames import Clip
from vad.metrics.measures import Frames, interval, resamples
from vad.protocol.cross_fitting import deal_clips

# (N, D) embeddings -> method name -> (N,) scores, higher = more anomalous.
Scorer = Callable[[np.ndarray], dict[str, np.ndarray]]
# Fits on clips restricted to permitted frames, whose labels and embeddings it may read.
Fit = Callable[[Sequence[Clip]], Scorer]
# (clips whose one label each is learnt, clips to score) -> (N,) scores of each of the latter.
Judge = Callable[[Sequence[Clip], Sequence[Clip]], list[np.ndarray]]


@dataclass(frozen=True)
class Pool:
    """Labelled frames of several clips: ``clips`` restricted to them, ``labels`` and ``groups`` (N,) in clip order."""

    clips: list[Clip]

    @property
    def labels(self) -> np.ndarray:
        return np.concatenate([clip.labels for clip in self.clips])

    @property
    def groups(self) -> np.ndarray:
        return np.concatenate([np.full(len(clip.frames), code) for code, clip in enumerate(self.clips)])

    @property
    def embeddings(self) -> np.ndarray:
        return np.concatenate([clip.embeddings for clip in self.clips])

    def only(self, rows: np.ndarray) -> "Pool":
        """The pool's frames where ``rows`` (N,) bool is true; clips without any are left out."""
        starts = np.cumsum([0] + [len(clip.frames) for clip in self.clips])
        parts = [
            (clip, rows[start : start + len(clip.frames)]) for clip, start in zip(self.clips, starts, strict=False)
        ]
        return Pool([clip.only(clip.frames[own]) for clip, own in parts if own.any()])

    def draw(self, per_class: int, rng: np.random.Generator, balanced: bool = False) -> "Pool":
        """At most ``per_class`` frames of each class; ``balanced``: as many of one as of the other."""
        own = [np.flatnonzero(self.labels == label) for label in (0, 1)]
        smaller = min(len(rows) for rows in own)
        limit = min(per_class, smaller) if balanced else per_class
        chosen = np.zeros(len(self.labels), dtype=bool)
        for rows in own:
            chosen[rng.permutation(rows)[:limit]] = True
        return self.only(chosen)


def paper(pool: Pool, fit: Fit, per_class: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Scores of the pool by a fit on at most ``per_class`` of its own frames per class: the leak."""
    return fit(pool.draw(per_class, rng).clips)(pool.embeddings)


def clean(pool: Pool, fit: Fit, per_class: int, folds: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Scores of the pool, each clip's by a fit on at most ``per_class`` frames per class of other clips."""
    fold_of = deal_clips(pool.labels, pool.groups, folds)
    embeddings = pool.embeddings
    scores: dict[str, np.ndarray] = {}
    for fold in np.unique(fold_of):
        inside = fold_of == fold
        scorer = fit(pool.only(~inside).draw(per_class, rng).clips)
        for name, values in scorer(embeddings[inside]).items():
            scores.setdefault(name, np.empty(len(fold_of)))[inside] = values
    return scores


def of_clips(pool: Pool, judge: Judge, folds: int) -> dict[str, np.ndarray]:
    """``paper`` and ``clean`` -> (N,) scores of the pool's frames by a method that learns one label per clip."""
    clean: dict[str, np.ndarray] = {}
    for rest, own in dealt(pool, folds):
        clean |= {clip.name: scores for clip, scores in zip(own, judge(rest, own), strict=True)}
    return {
        "paper": np.concatenate(judge(pool.clips, pool.clips)),
        "clean": np.concatenate([clean[clip.name] for clip in pool.clips]),
    }


def dealt(pool: Pool, folds: int) -> list[tuple[list[Clip], list[Clip]]]:
    """Per fold the clips of the others, and its own."""
    fold_of = deal_clips(pool.labels, pool.groups, folds)
    of_clip = fold_of[np.flatnonzero(np.diff(pool.groups, prepend=-1))]
    parts = []
    for fold in np.unique(of_clip):
        inside = of_clip == fold
        rest, own = ([pool.clips[place] for place in np.flatnonzero(rows)] for rows in (~inside, inside))
        parts.append((rest, own))
    return parts


def compare(pool: Pool, scores: dict[str, np.ndarray], count: int, confidence: float, seed: int) -> dict[str, float]:
    """Micro ROC-AUC under each protocol, their difference, and intervals over clips.

    Args:
        scores: ``paper`` and ``clean`` -> (N,) scores of the pool's frames.

    Returns:
        ``paper``, ``clean``, ``leak``, each also with ``_low`` and ``_high``.
    """
    weights = resamples(len(pool.clips), count, seed)
    frames = {name: Frames(own, pool.labels, pool.groups) for name, own in scores.items()}
    estimates = {name: own.roc_auc()[0] for name, own in frames.items()}
    return _row(estimates, {name: own.roc_auc(weights) for name, own in frames.items()}, confidence)


def compare_f1(counts: dict[str, np.ndarray], count: int, confidence: float, seed: int) -> dict[str, float]:
    """As :func:`compare` for the F1 of predictions.

    Args:
        counts: ``paper`` and ``clean`` -> (C, 3) true, false and missed alarms per clip.
    """
    weights = resamples(len(counts["paper"]), count, seed)
    estimates = {name: _f1(own.sum(axis=0)[None])[0] for name, own in counts.items()}
    return _row(estimates, {name: _f1(weights @ own) for name, own in counts.items()}, confidence)


def _row(estimates: dict[str, float], drawn: dict[str, np.ndarray], confidence: float) -> dict[str, float]:
    """Estimates and bootstrap values of ``paper`` and ``clean`` -> a row of the leak table."""
    estimates = estimates | {"leak": estimates["paper"] - estimates["clean"]}
    drawn = drawn | {"leak": drawn["paper"] - drawn["clean"]}
    row: dict[str, float] = {}
    for name in ("paper", "clean", "leak"):
        low, high = interval(drawn[name], confidence)
        row |= {name: float(estimates[name]), f"{name}_low": low, f"{name}_high": high}
    return row


def _f1(counts: np.ndarray) -> np.ndarray:
    true, false, missed = counts.T
    return 2 * true / np.maximum(2 * true + false + missed, 1)
