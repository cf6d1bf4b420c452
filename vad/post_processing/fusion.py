"""Several detectors' calibrated scores as one.

Scores are added on the scale -ln(1 - calibrated), the negative log of the frame's p-value under normality (Fisher
1932's method of combining p-values): tails matter, as an anomaly that one detector finds a thousand times rarer than
normal video weighs 6.9, while a detector that has nothing to say adds noise of mean 1 and never a negative veto.

``fusion_mean`` and ``fusion_max`` need no labels. ``fusion_logistic`` is a logistic regression with non-negative
weights and a strong ridge on standardised inputs. ``fusion`` starts from a mean in which each detector weighs as much
as its AUC on permitted frames exceeds chance, so that one that knows nothing has no say and nothing else is fitted. It
moves towards the logistic weights by how likely these are the better ones: by the share of bootstrap samples of the
permitted clips in which they have the higher AUC, both judged on clips that they were not fitted on. That is the mean
over what may be right (Hoeting et al. 1999, "Bayesian Model Averaging"); to choose one or the other would be unstable
(Breiman 1996, "Heuristics of instability and stabilization in model selection"). Under ``one_class`` nothing is
labelled and ``fusion`` is the plain mean; under ``paper`` it is fitted and judged on the very frames that are scored,
the leak of that protocol.

Cross-fitting is that of stacking (Wolpert 1992): for fold f the weights come from frames of other folds, whose scores
come from their own folds' detectors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pydantic

from vad.metrics.measures import Frames, auc, resamples
from vad.pipeline.params import Protocol, Section
from vad.protocol.cross_fitting import deal_clips

RESAMPLES = 200
INNER_FOLDS = 4  # of the permitted clips, where they are all of one fold

NAMES = ("fusion", "fusion_mean", "fusion_max", "fusion_logistic")


class Params(Section):
    """Section ``fusion`` of params.yaml."""

    detectors: Literal["all"] | list[str]
    ridge: float = pydantic.Field(gt=0, le=1000)

    @pydantic.field_validator("detectors", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if value != "all" and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
            raise ValueError("should be all, or a list of detectors such as [padim, motion]")
        return value


@dataclass(frozen=True)
class Rule:
    """A way to combine: the weighted mean with ``weights`` (D,), >= 0 and summing to 1, or the maximum where None.

    ``confidence`` in the fitted weights, 0 (all is the mean by merit) to 1; None where nothing was fitted.
    """

    name: str
    weights: np.ndarray | None
    confidence: float | None = None

    def apply(self, x: np.ndarray) -> np.ndarray:
        """(N, D) surprises to (N,)."""
        return x.max(axis=1) if self.weights is None else x @ self.weights


@dataclass(frozen=True)
class Pool:
    """Test frames of every detector.

    Attributes:
        x: (N, D) surprises; labels: (N,); clips: (N,) codes 0..C-1; folds: (N,), whole clips per fold.
    """

    x: np.ndarray
    labels: np.ndarray
    clips: np.ndarray
    folds: np.ndarray

    def take(self, rows: np.ndarray) -> "Pool":
        """The pool's ``rows`` (bool)."""
        return Pool(self.x[rows], self.labels[rows], self.clips[rows], self.folds[rows])

    @property
    def one_class(self) -> bool:
        """True where only normal or only abnormal frames are there."""
        return len(np.unique(self.labels)) < 2


def rules(pool: Pool, protocol: Protocol, params: Params, seed: int) -> dict[str, dict[int, Rule]]:
    """Every fusion's rule for every test fold: fusion name -> fold -> rule. Without labels there is no logistic."""
    folds = [int(fold) for fold in np.unique(pool.folds)]
    mean, largest = _mean(pool.x.shape[1]), Rule("max", None)
    result = {"fusion_mean": dict.fromkeys(folds, mean), "fusion_max": dict.fromkeys(folds, largest)}
    if protocol == "one_class":
        return {"fusion": dict.fromkeys(folds, mean), **result}
    moved: dict[int, Rule] = {}
    fitted: dict[int, Rule] = {}
    fits: list[Callable[[np.ndarray, np.ndarray], Rule]] = [by_merit, partial(logistic, ridge=params.ridge)]
    for fold in folds:
        permitted = pool if protocol == "paper" else pool.take(pool.folds != fold)
        if permitted.one_class:
            moved[fold] = fitted[fold] = mean
            continue
        start, end = (fit(permitted.x, permitted.labels) for fit in fits)
        assert start.weights is not None  # both are means
        assert end.weights is not None
        fitted[fold] = end
        if protocol == "paper":
            judged = [rule.apply(permitted.x) for rule in (start, end)]
        else:
            judged = [cross_fitted(permitted, fit) for fit in fits]
        certain = confidence(judged[1], judged[0], permitted.labels, permitted.clips, seed)
        weights = certain * end.weights + (1 - certain) * start.weights
        moved[fold] = Rule("moved mean", weights, certain)
    return {"fusion": moved, **result, "fusion_logistic": fitted}


def cross_fitted(permitted: Pool, fit: Callable[[np.ndarray, np.ndarray], Rule]) -> np.ndarray:
    """(N,) scores of each clip by weights that were fitted without that clip's fold."""
    inner = permitted.folds
    if len(np.unique(inner)) < 2:
        inner = deal_clips(permitted.labels, permitted.clips, INNER_FOLDS)
    scores = permitted.x.mean(axis=1)
    for fold in np.unique(inner):
        own = inner == fold
        rest = permitted.take(~own)
        if not rest.one_class:
            scores[own] = fit(rest.x, rest.labels).apply(permitted.x[own])
    return scores


def confidence(scores: np.ndarray, plain: np.ndarray, labels: np.ndarray, clips: np.ndarray, seed: int) -> float:
    """How often ``scores`` have a higher AUC than ``plain`` over bootstrap samples of clips, 0 to 1; a tie counts half.

    Args:
        scores, plain: (N,); clips: (N,) codes. Samples without both classes do not count; 0 where none counts.
    """
    codes = np.unique(clips, return_inverse=True)[1]
    weights = resamples(int(codes.max()) + 1, RESAMPLES, seed)
    gain = Frames(scores, labels, codes).roc_auc(weights) - Frames(plain, labels, codes).roc_auc(weights)
    gain = gain[np.isfinite(gain)]
    return float(np.mean(gain > 0) + np.mean(gain == 0) / 2) if len(gain) else 0.0


def _mean(count: int) -> Rule:
    return Rule("mean", np.full(count, 1 / count))


def by_merit(x: np.ndarray, labels: np.ndarray) -> Rule:
    """The mean in which a detector weighs as much as its AUC exceeds 0.5; the plain mean where none does.

    Args:
        x: (N, D) surprises; labels: (N,), of both classes.
    """
    merit = np.array([max(0.0, auc(own, labels) - 0.5) for own in x.T])
    return Rule("merit", merit / merit.sum()) if merit.sum() > 0 else _mean(len(merit))


def logistic(x: np.ndarray, labels: np.ndarray, ridge: float) -> Rule:
    """Class-balanced logistic regression with weights >= 0 and penalty ``ridge`` / 2 |w|^2 beside the mean loss.

    Inputs are standardised for the fit; the weights are given for unstandardised ones and scaled to sum 1, which
    leaves the order of frames as it is. All weights 0 (every detector is worse than chance): the mean.
    """
    from scipy.optimize import minimize

    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    z = (x - centre) / spread
    abnormal = labels.astype(bool)
    balance = np.where(abnormal, 0.5 / abnormal.sum(), 0.5 / (~abnormal).sum())
    sign = np.where(abnormal, 1.0, -1.0)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (z @ theta[:-1] + theta[-1])
        slope = -balance * sign / (1 + np.exp(np.clip(margin, -500, 500)))
        value = balance @ np.logaddexp(0, -margin) + 0.5 * ridge * theta[:-1] @ theta[:-1]
        return float(value), np.append(slope @ z + ridge * theta[:-1], slope.sum())

    count = x.shape[1]
    bounds = [(0, None)] * count + [(None, None)]
    theta = minimize(loss, np.zeros(count + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = theta[:-1] / spread
    return Rule("logistic", weights / weights.sum()) if weights.sum() > 0 else _mean(count)
