"""Several detectors' calibrated scores as one.

Scores are added on the scale -ln(1 - calibrated), the negative log of the frame's p-value under normality (Fisher
1932's method of combining p-values): tails matter, as an anomaly that one detector finds a thousand times rarer than
normal video weighs 6.9, while a detector that has nothing to say adds noise of mean 1 and never a negative veto.

``fusion_mean`` and ``fusion_max`` need no labels. ``fusion_logistic`` is a logistic regression with non-negative
weights and a strong ridge on standardised inputs. ``fusion`` chooses, on permitted frames alone, among the mean
(simplest: nothing is chosen), the best single detector, a greedy forward subset (Caruana et al. 2004) and the logistic
weights: what must be fitted is judged on clips that it was not fitted on, and the simplest candidate within one
bootstrap standard error of the best is taken, so that weak detectors do not drown a strong one. Under ``one_class``
nothing is labelled and ``fusion`` is the mean; under ``paper`` it is fitted and chosen on the very frames that are
scored, which is that protocol's leak.

Cross-fitting is that of stacking (Wolpert 1992): for fold f the weights come from frames of other folds, whose scores
come from their own folds' detectors.

The maximum is no candidate: its level differs from an average's, and folds that choose differently are pooled.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pydantic

from vad.evaluation import Frames, auc, resamples
from vad.params import Protocol, Section

FUSIONS = ("fusion", "fusion_mean", "fusion_max", "fusion_logistic")
SELECTION_RESAMPLES = 200


class Params(Section):
    """Section ``fusion`` of params.yaml."""

    detectors: Literal["all"] | list[str]
    ridge: float = pydantic.Field(gt=0, le=1000)
    greedy_size: int = pydantic.Field(ge=1, le=50)
    standard_errors: float = pydantic.Field(ge=0, le=10)


@dataclass(frozen=True)
class Rule:
    """A way to combine: the weighted mean with ``weights`` (D,), >= 0 and summing to 1, or the maximum where None."""

    name: str
    weights: np.ndarray | None

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
    chosen, logistic_rules = {}, {}
    fitted: dict[frozenset[int], dict[str, Rule]] = {}
    for fold in folds:
        permitted = pool if protocol == "paper" else pool.take(pool.folds != fold)
        if permitted.one_class:
            chosen[fold] = logistic_rules[fold] = mean
            continue
        final = _fit_once(permitted, fitted, params)
        logistic_rules[fold] = final["logistic"]
        chosen[fold] = final[_choose(permitted, final, fitted, protocol, params, seed)]
    return {"fusion": chosen, **result, "fusion_logistic": logistic_rules}


def _choose(permitted: Pool, final: dict, fitted: dict, protocol: Protocol, params: Params, seed: int) -> str:
    """Name of the simplest rule within the allowed standard errors of the best on ``permitted``."""
    inner = [int(fold) for fold in np.unique(permitted.folds)]
    scores = {name: rule.apply(permitted.x) for name, rule in final.items()}
    if protocol != "paper" and len(inner) > 1:
        for fold in inner:
            own = permitted.folds == fold
            rest = permitted.take(~own)
            fold_rules = final if rest.one_class else _fit_once(rest, fitted, params)
            for name in scores:
                scores[name][own] = fold_rules[name].apply(permitted.x[own])
    return simplest(scores, permitted.labels, permitted.clips, params.standard_errors, seed)


def simplest(
    scores: dict[str, np.ndarray], labels: np.ndarray, clips: np.ndarray, standard_errors: float, seed: int
) -> str:
    """The first of ``scores`` (simplest first) whose AUC is within so many standard errors of the best one's.

    The error is that of the difference between the two AUCs, by bootstrap over clips.
    """
    codes = np.unique(clips, return_inverse=True)[1]
    frames = {name: Frames(values, labels, codes) for name, values in scores.items()}
    aucs = {name: float(f.roc_auc()[0]) for name, f in frames.items()}
    best = max(aucs, key=aucs.get)
    weights = resamples(int(codes.max()) + 1, SELECTION_RESAMPLES, seed)
    reference = frames[best].roc_auc(weights)
    for name in scores:
        error = np.nanstd(reference - frames[name].roc_auc(weights))
        if name == best or aucs[best] - aucs[name] <= standard_errors * error:
            return name
    return best


def _fit_once(part: Pool, fitted: dict[frozenset[int], dict[str, Rule]], params: Params) -> dict[str, Rule]:
    """:func:`candidates` of ``part``, kept by its folds: the parts without f and g are asked for twice."""
    key = frozenset(int(fold) for fold in np.unique(part.folds))
    if key not in fitted:
        fitted[key] = candidates(part, params)
    return fitted[key]


def candidates(pool: Pool, params: Params) -> dict[str, Rule]:
    """The rules that ``fusion`` chooses among, fitted on ``pool`` (both classes), simplest first."""
    count = pool.x.shape[1]
    singles = [auc(pool.x[:, d], pool.labels) for d in range(count)]
    single = Rule("single", np.eye(count)[int(np.argmax(singles))])
    return {
        "mean": _mean(count),
        "single": single,
        "greedy": greedy(pool.x, pool.labels, params.greedy_size, int(np.argmax(singles))),
        "logistic": logistic(pool.x, pool.labels, params.ridge),
    }


def _mean(count: int) -> Rule:
    return Rule("mean", np.full(count, 1 / count))


def greedy(x: np.ndarray, labels: np.ndarray, size: int, start: int) -> Rule:
    """Mean of up to ``size`` detectors, added to detector ``start`` one by one while the AUC rises."""
    members, total = [start], x[:, start].copy()
    best = auc(total, labels)
    while len(members) < min(size, x.shape[1]):
        gains = {d: auc(total + x[:, d], labels) for d in range(x.shape[1]) if d not in members}
        added = max(gains, key=gains.get)
        if gains[added] <= best:
            break
        best = gains[added]
        members.append(added)
        total = total + x[:, added]
    weights = np.zeros(x.shape[1])
    weights[members] = 1 / len(members)
    return Rule("greedy", weights)


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
