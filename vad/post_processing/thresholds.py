"""Alarm thresholds on the calibrated scale, chosen on permitted frames only.

Two rules. ``f1``: the best F1 on labelled frames that the protocol permits, cross-fitted over clips under ``clean``
(the threshold of fold f comes from the other folds) and, on purpose, the scored pool itself under ``paper``.
``budget``: at most so many false alarms per hour, as far as held-out normal video can promise it
(``vad.post_processing.budget``); it needs no labels and is the only rule of ``one_class``. What a live camera has are
causal scores: both rules are tuned on these, and every decision at a threshold is one about them.

Either can be kept per scene: a camera with restless trees wants another threshold than one in a corridor.
"""

from dataclasses import asdict
from typing import Literal

import numpy as np
import pandas as pd
import pydantic

from vad.metrics.measures import curve
from vad.pipeline.params import Protocol, Section
from vad.post_processing import budget


class Params(Section):
    """Section ``thresholds`` of params.yaml."""

    rule: Literal["f1", "budget"]
    alarms_per_hour: float = pydantic.Field(gt=0, le=3600)
    block_seconds: float = pydantic.Field(ge=5, le=600)
    merge_seconds: float = pydantic.Field(ge=0, le=3600)
    per_scene: bool


def tune(rows: pd.DataFrame, fps: dict[str, float], protocol: Protocol, params: Params) -> dict[str, dict]:
    """One detector's thresholds.

    Args:
        rows: the detector's rows of the fused table: clip, frame, scene, role, fold, label, and ``live``, the causal
            score calibrated by fold.
        fps: frames per second per clip.

    Returns:
        Per test fold (as text): ``threshold`` of the rule in force, ``scenes`` with that rule's threshold per scene,
        ``budget``, ``promise`` (the fields of ``budget.Promise``: what the budget is worth) and, where labels are
        permitted, ``f1``. A frame is an alarm where live >= threshold.
    """
    test = rows[rows["role"] == "test"]
    held_out = rows[rows["role"] == "calibration"]
    result = {}
    for fold in sorted(test["fold"].unique()):
        permitted = permitted_rows(test, fold, protocol)
        normal = held_out[held_out["fold"] == (fold if (held_out["fold"] == fold).any() else -1)]
        promise = within_budget(normal, fps, params)
        best = None if protocol == "one_class" else best_f1(permitted["live"], permitted["label"])
        use_f1 = params.rule == "f1" and best is not None
        scenes = {}
        for scene in sorted(test["scene"].unique()):
            own, own_normal = permitted[permitted["scene"] == scene], normal[normal["scene"] == scene]
            found = best_f1(own["live"], own["label"]) if use_f1 else _own_budget(own_normal, fps, params)
            scenes[str(scene)] = found if found is not None else (best if use_f1 else promise.threshold)
        values = {
            "threshold": best if use_f1 else promise.threshold,
            "budget": promise.threshold,
            "promise": asdict(promise),
            "scenes": scenes,
        }
        result[str(fold)] = values if best is None else {**values, "f1": best}
    return result


def permitted_rows(test: pd.DataFrame, fold: int, protocol: Protocol) -> pd.DataFrame:
    """The test rows whose labels may be used for ``fold``: other folds (clean), all (paper), none (one_class)."""
    if protocol == "paper":
        return test
    return test[test["fold"] != fold] if protocol == "clean" else test.iloc[:0]


def applied(rows: pd.DataFrame, tuned: dict[str, dict], per_scene: bool) -> np.ndarray:
    """(N,) threshold of each row by its own fold (and scene). ``rows``: fold, scene."""
    if not per_scene:
        return rows["fold"].map({int(fold): values["threshold"] for fold, values in tuned.items()}).to_numpy(float)
    table = {(int(fold), scene): value for fold, values in tuned.items() for scene, value in values["scenes"].items()}
    return np.array([table[key] for key in zip(rows["fold"], rows["scene"], strict=True)], dtype=np.float64)


def best_f1(scores: pd.Series | np.ndarray, labels: pd.Series | np.ndarray) -> float | None:
    """The threshold of the highest F1, halfway to the next lower score; None unless both classes are there.

    Among equal F1s the highest threshold wins: fewer alarms.
    """
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    if len(np.unique(labels)) < 2:
        return None
    levels, false, true = curve(scores, labels)
    at = int(np.argmax(2 * true / (true + false + labels.sum())))
    return float(levels[at] if at + 1 == len(levels) else _between(levels[at + 1], levels[at]))


def within_budget(normal: pd.DataFrame, fps: dict[str, float], params: Params) -> budget.Promise:
    """The budget's threshold, or the lowest that so little video can promise anything about; it says which.

    Args:
        normal: clip, frame, live (calibrated causal scores) of held-out normal frames; at least one row.
    """
    return budget.within(budget.cut(normal, fps, "live", params.block_seconds), params.alarms_per_hour)


def _own_budget(normal: pd.DataFrame, fps: dict[str, float], params: Params) -> float | None:
    """A scene's own threshold, where its own normal video can promise the budget."""
    promise = within_budget(normal, fps, params) if len(normal) else None
    return promise.threshold if promise is not None and promise.refused is None else None


def _between(lower: float, upper: float) -> float:
    """A threshold above ``lower`` and not above ``upper``, halfway where float64 has room."""
    middle = 1 - ((1 - lower) + (1 - upper)) / 2
    return float(middle if lower < middle <= upper else upper)
