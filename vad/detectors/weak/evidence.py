"""Evidence of a region: how much more often such a region is seen in abnormal videos than in normal ones.

Every region takes its video's label. Most regions of an abnormal video are normal, but so are those of normal videos,
and just as often: what a classifier of these noisy labels learns, P(abnormal video | region), rises with
P(abnormal | region), so that it ranks regions as a classifier of true labels would (Natarajan et al., "Learning with
Noisy Labels", NeurIPS 2013; multiple-instance learning's single-instance baseline).

Gradient-boosted trees (Ke et al. 2017, LightGBM, as in scikit-learn), small and strongly regularised; stored as arrays.
"""

from collections.abc import Sequence

import numpy as np

FIELDS = ("value", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "is_leaf")


def fit(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, rising: Sequence[int], params, seed: int
) -> dict[str, np.ndarray]:
    """Boosted trees as arrays.

    Args:
        features: (N, F), NaN where unknown; labels: (N,) 0 or 1, the videos'; weights: (N,).
        rising: columns with which the evidence never falls.
        params: see :class:`vad.detectors.weak.detector.Params`.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=params.trees,
        learning_rate=params.tree_rate,
        max_leaf_nodes=params.leaves,
        min_samples_leaf=params.leaf_regions,
        l2_regularization=params.tree_penalty,
        monotonic_cst=np.isin(np.arange(features.shape[1]), rising).astype(int),
        early_stopping=False,
        random_state=seed,
    ).fit(features, labels, weights)
    trees = [stage[0].nodes for stage in model._predictors]
    arrays = {f"trees.{name}": np.concatenate([tree[name] for tree in trees]) for name in FIELDS}
    arrays["trees.value"] = arrays["trees.value"].astype(np.float64)
    arrays["trees.start"] = np.cumsum([0] + [len(tree) for tree in trees])[:-1].astype(np.int64)
    arrays["trees.baseline"] = np.asarray(model._baseline_prediction, np.float64).reshape(1)
    return {name: _plain(array) for name, array in arrays.items()}


def log_odds(state: dict[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """(N, F) -> (N,) float64 log-odds that a region is of an abnormal video."""
    total = np.full(len(features), float(state["trees.baseline"][0]))
    rows = np.arange(len(features))
    for start in state["trees.start"]:
        node = np.full(len(features), start)
        while not (leaf := state["trees.is_leaf"][node].astype(bool)).all():
            value = features[rows, state["trees.feature_idx"][node]]
            left = np.where(
                np.isnan(value),
                state["trees.missing_go_to_left"][node] > 0,
                value <= state["trees.num_threshold"][node],
            )
            node = np.where(leaf, node, start + np.where(left, state["trees.left"][node], state["trees.right"][node]))
        total += state["trees.value"][node]
    return total


def _plain(array: np.ndarray) -> np.ndarray:
    return array.astype(np.int64) if array.dtype.kind in "biu" else array.astype(np.float64)
