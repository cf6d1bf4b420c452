"""Which detector to trust, chosen so that the choice can be judged: on other clips than those it is judged on.

The detector with the highest AUC on a set of clips is partly the luckiest on them; its AUC there is too high (the
winner's curse). So the choice is cross-fitted like anything else that learns from labels: for every fold of clips the
best detector on the other folds is taken and judged on that fold. The detector that most folds choose is the answer,
and the AUC of the frames as judged is what choosing in this way is worth.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vad.metrics.measures import Frames, auc, interval
from vad.protocol.cross_fitting import deal_clips

FOLDS = 4  # of clips, where the protocol made none


@dataclass(frozen=True)
class Choice:
    """The detector to trust.

    Attributes:
        detector: its name; by_fold: fold -> the detector chosen on the other folds.
        auc, low, high: what choosing so is worth on clips that the choice did not see.
        best: the highest AUC of all on all clips, for comparison: what a plain look at the table would claim.
    """

    detector: str
    by_fold: dict[str, str]
    auc: float
    low: float
    high: float
    best: float


def cross_fitted(tests: dict[str, pd.DataFrame], weights: np.ndarray, confidence: float) -> Choice:
    """The choice among detectors by micro AUC.

    Args:
        tests: by detector: clip, frame, fold, label, calibrated of the test frames; all of the same clips.
        weights: (R, C) multiplicities of the C clips in name order, for the interval.
    """
    names = sorted(tests)
    tests = {name: tests[name].sort_values(["clip", "frame"], ignore_index=True) for name in names}
    folds = {name: _folds(rows) for name, rows in tests.items()}
    by_fold, judged = {}, []
    for fold in np.unique(folds[names[0]]):
        outside = {name: tests[name][folds[name] != fold] for name in names}
        areas = {name: auc(rows["calibrated"].to_numpy(), rows["label"].to_numpy()) for name, rows in outside.items()}
        best = max(names, key=lambda name: np.nan_to_num(areas[name]))
        by_fold[str(fold)] = best
        judged.append(tests[best][folds[best] == fold])
    whole = {name: auc(rows["calibrated"].to_numpy(), rows["label"].to_numpy()) for name, rows in tests.items()}
    votes = list(by_fold.values())
    detector = max(names, key=lambda name: (votes.count(name), whole[name]))
    rows = pd.concat(judged, ignore_index=True)
    codes = pd.factorize(rows["clip"].astype(str), sort=True)[0]
    frames = Frames(rows["calibrated"].to_numpy(), rows["label"].to_numpy(), codes)
    low, high = interval(frames.roc_auc(weights), confidence)
    return Choice(detector, by_fold, float(frames.roc_auc()[0]), low, high, max(whole.values()))


def _folds(rows: pd.DataFrame) -> np.ndarray:
    """(N,) the protocol's folds of clips, or folds dealt for the choice where it has one alone."""
    folds = rows["fold"].to_numpy()
    if len(np.unique(folds)) > 1:
        return folds
    return deal_clips(rows["label"].to_numpy(), pd.factorize(rows["clip"].astype(str), sort=True)[0], FOLDS)
