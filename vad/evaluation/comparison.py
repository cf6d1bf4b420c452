"""Which differences between detectors are more than chance: a paired bootstrap over clips, corrected for multiplicity.

All detectors score the same clips, so each resample of clips gives all of them their AUC at once and the differences
are paired: what a hard clip costs both cancels. With D detectors there are D (D - 1) / 2 differences, and some would
look large by chance alone; p-values are therefore those of the step-down max-T procedure (Westfall & Young 1993;
Romano & Wolf 2005), which keeps the probability of even one false "A beats B" at the stated level and, unlike
Bonferroni's or Holm's, profits from how alike detectors' errors are.

A detector belongs to the confidence set of the best if no other beats it in that sense (multiple comparisons with the
best: Hsu 1984): the truly best one is in the set with the stated confidence. Who is not in it may be dismissed; among
those within, this data cannot choose.

How many clips would tell two detectors apart follows from the spread of their difference, which shrinks as one over
the root of the number of clips (a z test at the same level on this one pair, planned beforehand, with power 0.8). The
observed difference stands for the true one, which flatters large differences; so beside it stands the least difference
that the present clips would show.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from vad.metrics.measures import Frames, interval

POWER = 0.8
FEWEST_CLIPS = 6  # under which resampled clips say nothing about other clips


@dataclass(frozen=True)
class Differences:
    """The AUCs of D detectors on the same clips, and in each of R resamples of these clips.

    Attributes:
        names: the detectors, highest AUC first; auc: (D,); drawn: (R, D); clips: their number.
    """

    names: list[str]
    auc: np.ndarray
    drawn: np.ndarray
    clips: int

    @classmethod
    def of(cls, tests: dict[str, pd.DataFrame], column: str, clips: list[str], weights: np.ndarray) -> "Differences":
        """From each detector's test frames.

        Args:
            tests: by detector: clip, label and ``column``, the scores; one that misses a clip is left out.
            clips: the C clips; weights: (R, C) their multiplicities in each resample.

        Resamples in which one class is missing are left out.
        """
        found = {}
        for name, rows in tests.items():
            codes = pd.Categorical(rows["clip"], categories=clips).codes.astype(np.int64)
            if len(np.unique(codes)) == len(clips) and rows["label"].nunique() == 2:
                frames = Frames(rows[column].to_numpy(np.float64), rows["label"].to_numpy(), codes)
                found[name] = float(frames.roc_auc()[0]), frames.roc_auc(weights)
        names = sorted(found, key=lambda name: (-found[name][0], name))
        drawn = np.column_stack([found[name][1] for name in names]) if names else np.empty((len(weights), 0))
        return cls(
            names, np.array([found[name][0] for name in names]), drawn[np.isfinite(drawn).all(axis=1)], len(clips)
        )

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """(P,) better and (P,) worse detector of each pair."""
        return np.triu_indices(len(self.names), k=1)


def compare(found: Differences, confidence: float) -> dict:
    """The matrix "A beats B with probability p" and what follows from it.

    Returns:
        ``detectors``, highest AUC first; ``auc``; ``beats``: D rows of D, the share of resamples in which the row's AUC
        is above the column's; ``adjusted_p``: the same shape, symmetric, 1 on the diagonal; ``set``: the confidence set
        of the best; ``separated``: pairs of ``better`` and ``worse`` with ``difference``, ``low``, ``high``,
        ``adjusted_p``; ``needed``: D rows of D, clips that would separate two, None where the difference is none;
        ``detectable``: the same, the least difference that these clips would show with power 0.8; ``test_clips``;
        ``said``: False where so few clips say nothing (then no pair is separated and the set has everyone).
    """
    count = len(found.names)
    better, worse = found.pairs
    beats = np.full((count, count), 0.5)
    p, needed, least = np.ones((count, count)), np.full((count, count), np.nan), np.full((count, count), np.nan)
    said = found.clips >= FEWEST_CLIPS and len(found.drawn) > 1 and count > 1
    separated = []
    if count > 1 and len(found.drawn):
        shown = found.drawn[:, better] - found.drawn[:, worse]
        beats[better, worse] = (shown > 0).mean(axis=0) + 0.5 * (shown == 0).mean(axis=0)
        beats[worse, better] = 1 - beats[better, worse]
    if said:
        difference, spread = found.auc[better] - found.auc[worse], shown.std(axis=0, ddof=1)
        p[better, worse] = p[worse, better] = adjusted = step_down(difference, shown)
        clips = clips_needed(difference, spread, found.clips, confidence)
        needed[better, worse] = needed[worse, better] = clips
        least[better, worse] = least[worse, better] = _reach(confidence) * spread
        for pair in np.flatnonzero(adjusted <= 1 - confidence):
            low, high = interval(shown[:, pair], confidence)
            names = {"better": found.names[better[pair]], "worse": found.names[worse[pair]]}
            separated.append(
                {**names, "difference": difference[pair], "low": low, "high": high, "adjusted_p": adjusted[pair]}
            )
    beaten = {own["worse"] for own in separated}
    return {
        "test_clips": found.clips,
        "said": said,
        "confidence": confidence,
        "power": POWER,
        "detectors": found.names,
        "auc": found.auc.tolist(),
        "beats": beats.tolist(),
        "adjusted_p": p.tolist(),
        "set": [name for name in found.names if name not in beaten],
        "separated": separated,
        "needed": [[int(own) if np.isfinite(own) else None for own in row] for row in needed],
        "detectable": least.tolist(),
    }


def step_down(difference: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(P,) p-values of differences, adjusted by the step-down max-T procedure.

    Args:
        difference: (P,) observed; drawn: (R, P) in resamples, whose deviations from the observed stand for chance.
    """
    spread = np.maximum(drawn.std(axis=0, ddof=1), 1e-12)
    seen = np.abs(difference) / spread
    chance = np.abs(drawn - difference) / spread
    order = np.argsort(-seen, kind="stable")
    # highest deviation among the hypotheses that are still open at each step
    open_chance = np.maximum.accumulate(chance[:, order[::-1]], axis=1)[:, ::-1]
    p = ((open_chance >= seen[order]).sum(axis=0) + 1) / (len(drawn) + 1)
    adjusted = np.empty(len(difference))
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted


def clips_needed(difference: np.ndarray, spread: np.ndarray, clips: int, confidence: float) -> np.ndarray:
    """(P,) clips like these that would show the differences with power 0.8; infinite where there is none.

    Args:
        difference: (P,); spread: (P,) its standard deviation with ``clips`` clips.
    """
    ratio = np.divide(spread, np.abs(difference), out=np.full(len(spread), np.inf), where=difference != 0)
    return np.ceil(clips * (_reach(confidence) * ratio) ** 2)


def _reach(confidence: float) -> float:
    """Standard deviations that a difference must have to be found with power 0.8 by a two-sided test."""
    return float(-ndtri((1 - confidence) / 2) - ndtri(1 - POWER))
