"""Several detectors' calibrated scores as one.

Scores are added on the scale -ln(1 - calibrated), the negative log of the frame's p-value under normality (Fisher
1932's method of combining p-values): tails matter, as an anomaly that one detector finds a thousand times rarer than
normal video weighs 6.9, while a detector that has nothing to say adds noise of mean 1 and never a negative veto.

``fusion_mean`` and ``fusion_max`` need no labels. ``fusion_logistic`` is a logistic regression with non-negative
weights and a strong ridge on standardised inputs. ``fusion`` mixes, on permitted frames alone, the weights of four
candidates: the mean, the best single detector, a greedy forward subset (Caruana et al. 2004) and the logistic one. What
must be fitted is judged on clips that it was not fitted on; a candidate counts by its AUC, averaged over bootstrap
samples of the permitted clips (:func:`shares`). To choose one of them would be another choice on a few other clips, and
folds that choose differently do not pool well; the average is stable (Breiman 1996, "Heuristics of instability and
stabilization in model selection") and does not let weak detectors drown a strong one. Under ``one_class`` nothing is
labelled and ``fusion`` is the mean; under ``paper`` it is fitted and judged on the very frames that are scored: that
protocol's leak.

Cross-fitting is that of stacking (Wolpert 1992): for fold f the weights come from frames of other folds, whose scores
come from their own folds' detectors.

The maximum is no candidate: it has no weights to mix.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pydantic
from scipy.special import softmax

from vad.cross_fitting import deal_clips
from vad.evaluation import Frames, auc, resamples
from vad.params import Protocol, Section

FUSIONS = ("fusion", "fusion_mean", "fusion_max", "fusion_logistic")
SELECTION_RESAMPLES = 200
NEGLIGIBLE = 0.01  # AUC: candidates that differ by less are as good as each other
INNER_FOLDS = 4  # of the permitted clips, where they are all of one fold


class Params(Section):
    """Section ``fusion`` of params.yaml."""

    detectors: Literal["all"] | list[str]
    ridge: float = pydantic.Field(gt=0, le=1000)
    greedy_size: int = pydantic.Field(ge=1, le=50)


@dataclass(frozen=True)
class Rule:
    """A way to combine: the weighted mean with ``weights`` (D,), >= 0 and summing to 1, or the maximum where None.

    ``shares``: candidate -> its part in a mixture; None for what is no mixture.
    """

    name: str
    weights: np.ndarray | None
    shares: dict[str, float] | None = None

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
    mixed, logistic_rules = {}, {}
    fitted: dict[bytes, dict[str, Rule]] = {}
    for fold in folds:
        permitted = pool if protocol == "paper" else pool.take(pool.folds != fold)
        if permitted.one_class:
            mixed[fold] = logistic_rules[fold] = mean
            continue
        final = _fit_once(permitted, fitted, params)
        scores = {name: rule.apply(permitted.x) for name, rule in final.items()}
        if protocol != "paper":
            scores = _cross_fitted(permitted, scores, fitted, params)
        logistic_rules[fold] = final["logistic"]
        mixed[fold] = mixture(final, shares(scores, permitted.labels, permitted.clips, seed))
    return {"fusion": mixed, **result, "fusion_logistic": logistic_rules}


def _cross_fitted(
    permitted: Pool, scores: dict[str, np.ndarray], fitted: dict[bytes, dict[str, Rule]], params: Params
) -> dict[str, np.ndarray]:
    """``scores`` of each candidate, with every clip's by the candidate as fitted without that clip's fold."""
    inner = permitted.folds
    if len(np.unique(inner)) < 2:
        inner = deal_clips(permitted.labels, permitted.clips, INNER_FOLDS)
    for fold in np.unique(inner):
        own = inner == fold
        rest = permitted.take(~own)
        if not rest.one_class:
            fold_rules = _fit_once(rest, fitted, params)
            for name in scores:
                scores[name][own] = fold_rules[name].apply(permitted.x[own])
    return scores


def shares(scores: dict[str, np.ndarray], labels: np.ndarray, clips: np.ndarray, seed: int) -> dict[str, float]:
    """What each of ``scores`` (N,) counts in a mixture: the softmax of AUC / ``NEGLIGIBLE``, averaged over bootstrap
    samples of the clips. Equals count the same, and a lead counts as far as other clips would confirm it.

    Samples without both classes are left out; where no sample has both, all count the same.
    """
    codes = np.unique(clips, return_inverse=True)[1]
    weights = resamples(int(codes.max()) + 1, SELECTION_RESAMPLES, seed)
    aucs = np.stack([Frames(values, labels, codes).roc_auc(weights) for values in scores.values()])
    aucs = aucs[:, np.isfinite(aucs).all(axis=0)]
    counts = softmax(aucs / NEGLIGIBLE, axis=0).mean(axis=1) if aucs.size else np.full(len(scores), 1 / len(scores))
    return dict(zip(scores, counts.tolist(), strict=True))


def mixture(candidates: dict[str, Rule], parts: dict[str, float]) -> Rule:
    """The mean of the candidates' weights, each counting with its part."""
    weights = sum(part * candidates[name].weights for name, part in parts.items())
    return Rule("mixture", weights, parts)


def _fit_once(part: Pool, fitted: dict[bytes, dict[str, Rule]], params: Params) -> dict[str, Rule]:
    """:func:`candidates` of ``part``, kept by its clips: the parts without folds f and g are asked for twice."""
    key = np.unique(part.clips).tobytes()
    if key not in fitted:
        fitted[key] = candidates(part, params)
    return fitted[key]


def candidates(pool: Pool, params: Params) -> dict[str, Rule]:
    """The rules that ``fusion`` mixes, fitted on ``pool`` (both classes), simplest first."""
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
