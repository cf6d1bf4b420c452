"""Alarm thresholds on the calibrated scale, chosen on permitted frames only.

Two rules. ``f1``: the best F1 on labelled frames that the protocol permits, cross-fitted over clips under ``clean``
(the threshold of fold f comes from the other folds) and, on purpose, the scored pool itself under ``paper``.
``budget``: at most so many alarms per hour of held-out normal video; it needs no labels and is the only rule of
``one_class``.

Either can be kept per scene: a camera with restless trees wants another threshold than one in a corridor.
"""

from typing import Literal

import numpy as np
import pandas as pd
import pydantic

from vad.metrics.alarms import Footage, spans
from vad.metrics.measures import curve
from vad.pipeline.params import Protocol, Section

MAX_SHARE = 0.1  # of normal video in alarm, whatever the number of alarms


class Params(Section):
    """Section ``thresholds`` of params.yaml."""

    rule: Literal["f1", "budget"]
    alarms_per_hour: float = pydantic.Field(gt=0, le=3600)
    merge_seconds: float = pydantic.Field(ge=0, le=3600)
    per_scene: bool


def tune(rows: pd.DataFrame, fps: dict[str, float], protocol: Protocol, params: Params) -> dict[str, dict]:
    """One detector's thresholds.

    Args:
        rows: the detector's rows of the fused table: clip, frame, scene, role, fold, label, calibrated.
        fps: frames per second per clip.

    Returns:
        Per test fold (as text): ``threshold`` of the rule in force, ``scenes`` with that rule's threshold per scene,
        ``budget`` and, where labels are permitted, ``f1``. A frame is an alarm where calibrated >= threshold.
    """
    test = rows[rows["role"] == "test"]
    held_out = rows[rows["role"] == "calibration"]
    result = {}
    for fold in sorted(test["fold"].unique()):
        permitted = permitted_rows(test, fold, protocol)
        normal = held_out[held_out["fold"] == (fold if (held_out["fold"] == fold).any() else -1)]
        budget = within_budget(normal, fps, params)
        best = None if protocol == "one_class" else best_f1(permitted["calibrated"], permitted["label"])
        use_f1 = params.rule == "f1" and best is not None
        scenes = {}
        for scene in sorted(test["scene"].unique()):
            own, own_normal = permitted[permitted["scene"] == scene], normal[normal["scene"] == scene]
            if use_f1:
                found = best_f1(own["calibrated"], own["label"])
            else:
                found = within_budget(own_normal, fps, params) if len(own_normal) else None
            scenes[str(scene)] = found if found is not None else (best if use_f1 else budget)
        values = {"threshold": best if use_f1 else budget, "budget": budget, "scenes": scenes}
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


def within_budget(normal: pd.DataFrame, fps: dict[str, float], params: Params) -> float:
    """The lowest threshold down to which normal video gives at most ``alarms_per_hour`` alarms.

    The search goes down from the largest normal score and stops before a tenth of normal video is in alarm, because
    at a very low threshold everything is a single alarm. Where even the single largest score is one alarm too many
    for so little video, the rate is extrapolated: the calibrated scale's tail says how much rarer a higher score is.

    Args:
        normal: clip, frame, calibrated of held-out normal frames; at least one row.
    """
    normal = normal.sort_values(["clip", "frame"])
    footage, scores = Footage.of(normal, fps), normal["calibrated"].to_numpy()
    hours = footage.hours()
    levels = np.unique(scores)[::-1]
    lowest = None
    for level in levels:
        over = scores >= level
        alarms = len(spans(over, footage, params.merge_seconds)[0])
        if alarms > params.alarms_per_hour * hours or (lowest is not None and over.mean() > MAX_SHARE):
            break
        lowest = level
    else:
        return float(levels[-1])
    if lowest is not None:
        return _between(level, lowest)
    rate = len(spans(scores >= levels[0], footage, params.merge_seconds)[0]) / hours
    return float(1 - (1 - levels[0]) * params.alarms_per_hour / rate)


def _between(lower: float, upper: float) -> float:
    """A threshold above ``lower`` and not above ``upper``, halfway where float64 has room."""
    middle = 1 - ((1 - lower) + (1 - upper)) / 2
    return float(middle if lower < middle <= upper else upper)
