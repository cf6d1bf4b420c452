"""Semantic prototypes: what normal and abnormal frames look like to an image-text encoder, as K-means centres.

Per class the embeddings of the permitted frames are summed up by ``k`` centres. With x a frame's unit embedding, N and
A the unit vectors of the normal and abnormal centres and n, a the centres themselves, a frame scores

- ``max``: max_A x.A - max_N x.N;
- ``top_k``: the same with the mean of the ``top_k`` largest similarities in place of the largest;
- ``distance``: min_n |x - n| - min_a |x - a|;
- ``ensemble``: a weighted sum of the three, each standardised on the permitted frames. The weights lie on a grid over
  the simplex and are those with the best ROC-AUC on permitted frames that were scored by centres fitted on other clips.

Where no abnormal frame is permitted, the normal centres stand alone: the terms of A and a are left out.
"""

import itertools
import logging
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pydantic
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.features.semantic import unit
from vad.perception import embedding
from vad.perception.sight import Perception
from vad.pipeline.params import Section
from vad.protocol.cross_fitting import deal_clips

log = logging.getLogger(__name__)

TITLE = "Prototypes"
READS = ("embeddings",)
ROLE = "prototypes"
LABELLED = True

VARIANTS = ("max", "top_k", "distance")
GRID_STEPS = 10  # weights are multiples of 1/10


class Params(Section):
    """Section ``prototypes``."""

    k: int = pydantic.Field(ge=1, le=10_000)
    score: Literal["max", "top_k", "distance", "ensemble"]
    top_k: int = pydantic.Field(ge=1, le=10_000)
    inner_folds: int = pydantic.Field(ge=2, le=100)


def fit(clips: Sequence[Clip], params: Params, seed: int) -> dict[str, np.ndarray]:
    """Centres of both classes and the ensemble's weights.

    Args:
        clips: with embeddings and labels of the permitted frames; at least one normal frame among them.

    Returns:
        ``normal`` (Kn, D) and ``abnormal`` (Ka, D; Ka = 0 in the one-class variant) float32 centres; ``weights``,
        ``mean`` and ``scale`` (3,) float32, the ensemble's, in the order of ``VARIANTS``.
    """
    x = np.concatenate([clip.embeddings for clip in clips])  # (N, D)
    labels = np.concatenate([clip.labels for clip in clips])
    groups = np.concatenate([np.full(len(clip.frames), number) for number, clip in enumerate(clips)])
    state = _centres(x, labels, params, seed)
    for name in ("normal", "abnormal"):
        if 0 < len(state[name]) < params.k:
            log.info("prototypes: %d of %d %s centres: no more distinct frames", len(state[name]), params.k, name)
    if not len(state["abnormal"]):
        log.info("prototypes: no abnormal frame is permitted: normal prototypes alone")
    held_out, known = _out_of_clip(x, labels, groups, params, seed)
    own = held_out[known] if known.any() else variants(state, x, params.top_k)
    state["mean"] = own.mean(axis=0).astype(np.float32)
    state["scale"] = np.maximum(own.std(axis=0), 1e-6).astype(np.float32)
    state["weights"] = _best_weights((own - state["mean"]) / state["scale"], labels[known])
    return state


class Detector:
    """The fitted centres, ready to score."""

    def __init__(self, state: dict[str, np.ndarray], params: Params) -> None:
        self._state, self._params = state, params

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """(N,) float32 scores of ``clip.frames`` from their embeddings; there is no map."""
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> streaming.Framewise:
        """Start on one camera."""
        return streaming.Framewise(embedding.of(perception), lambda x: score(self._state, x, self._params))


def score(state: dict[str, np.ndarray], x: np.ndarray, params: Params) -> np.ndarray:
    """(N, D) unit rows -> (N,) float32 scores by ``params.score``."""
    parts = variants(state, x, params.top_k)
    if params.score == "ensemble":
        return (((parts - state["mean"]) / state["scale"]) @ state["weights"]).astype(np.float32)
    return parts[:, VARIANTS.index(params.score)].astype(np.float32)


def variants(state: dict[str, np.ndarray], x: np.ndarray, top_k: int) -> np.ndarray:
    """(N, D) unit rows -> (N, 3) scores in the order of ``VARIANTS``."""
    towards = np.zeros((len(x), 3))
    x = x.astype(np.float64)  # near a centre, the distance is the root of what float32 leaves of a difference
    for name, sign in (("abnormal", 1.0), ("normal", -1.0)):
        centres = state[name].astype(np.float64)
        if not len(centres):
            continue
        similarity = x @ unit(centres).astype(np.float64).T  # (N, K)
        largest = np.sort(similarity, axis=1)[:, -top_k:]
        squared = (x**2).sum(axis=1)[:, None] - 2.0 * x @ centres.T + (centres**2).sum(axis=1)
        distance = np.sqrt(np.maximum(squared, 0.0)).min(axis=1)
        towards += sign * np.stack([largest[:, -1], largest.mean(axis=1), -distance], axis=1)
    return towards


def _centres(x: np.ndarray, labels: np.ndarray, params: Params, seed: int) -> dict[str, np.ndarray]:
    """``normal`` and ``abnormal`` centres, as many as ``params.k`` and the distinct frames allow."""
    centres = {}
    for label, name in enumerate(("normal", "abnormal")):
        own = x[labels == label]
        k = min(params.k, len(np.unique(own, axis=0)))
        centres[name] = own[:0]
        if k:
            centres[name] = _k_means(own, k, seed)
    return centres


def _k_means(x: np.ndarray, k: int, seed: int) -> np.ndarray:
    """(k, D) float32 centres, by Lloyd's iterations from a plain k-means++ start (Arthur & Vassilvitskii 2007)."""
    x = x.astype(np.float64)  # scikit-learn would cast float32 in every step of the start
    with threadpool_limits(1):  # sums in one order: the same bytes in every run
        start, _ = kmeans_plusplus(x, k, random_state=seed, n_local_trials=1)  # six times as fast as greedy trials
        return KMeans(k, init=start, n_init=1).fit(x).cluster_centers_.astype(np.float32)


def _out_of_clip(
    x: np.ndarray, labels: np.ndarray, groups: np.ndarray, params: Params, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) scores of each frame by centres fitted on other clips, and which frames have them.

    A frame stays without scores where the other folds' clips hold one class only.
    """
    folds = deal_clips(labels, groups, params.inner_folds)
    scores, known = np.zeros((len(x), 3)), np.zeros(len(x), dtype=bool)
    for fold in range(params.inner_folds):
        inside = folds == fold
        if inside.any() and len(np.unique(labels[~inside])) == 2:
            state = _centres(x[~inside], labels[~inside], params, seed)
            scores[inside] = variants(state, x[inside], params.top_k)
            known |= inside
    return scores, known


def _best_weights(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(3,) float32 weights on the simplex with the best AUC; equal ones where the labels cannot tell."""
    equal = np.full(3, 1 / 3, dtype=np.float32)
    if len(np.unique(labels)) < 2:
        return equal
    steps = itertools.product(range(GRID_STEPS + 1), repeat=3)
    grid = np.array([step for step in steps if sum(step) == GRID_STEPS], dtype=np.float32) / GRID_STEPS
    grid = np.concatenate([equal[None], grid])  # the first of equals wins
    return grid[int(np.argmax([roc_auc_score(labels, scores @ weights) for weights in grid]))]
