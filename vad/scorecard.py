"""One detector's metrics: what ``metrics/<detector>.json`` holds.

Headline metrics use ``calibrated`` (of the smoothed score): folds of a labelled detector have scales of their own,
and only calibrated scores may be pooled; within a fold calibration is strictly monotone, so a detector with one fold
has the AUC of its smoothed scores. Raw and causal scores are calibrated in the same way before they are pooled. What
an operator asks (delay, events, alarms per hour) is taken from the causal scores, as a live camera has no future.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vad import alarms, calibration, localisation, thresholds
from vad.evaluation import Frames, Params, confusion, equal_error_rate, interval


@dataclass(frozen=True)
class Setting:
    """What all detectors are measured with.

    Attributes:
        fps: per clip; events: clip, first_frame, last_frame, type (empty where unknown).
        weights: (R, C) bootstrap multiplicities of the C test clips in name order.
        clips: the names of those clips.
        merge_seconds, per_scene: as the thresholds were tuned.
    """

    params: Params
    fps: dict[str, float]
    events: pd.DataFrame
    clips: list[str]
    weights: np.ndarray
    merge_seconds: float
    per_scene: bool


def measure(rows: pd.DataFrame, tuned: dict[str, dict], setting: Setting) -> dict:
    """All metrics that need no pixels.

    Args:
        rows: the detector's rows of the fused table.
        tuned: the detector's thresholds per fold.

    Returns:
        Flat, but for ``by_event``; metrics without a value are left out.
    """
    rows = rows.assign(
        raw_calibrated=calibration.by_fold(rows, "score"), causal_calibrated=calibration.by_fold(rows, "causal")
    )
    test = rows[rows["role"] == "test"].sort_values(["clip", "frame"], ignore_index=True)
    scores, labels = test["calibrated"].to_numpy(), test["label"].to_numpy()
    codes = pd.Categorical(test["clip"], categories=setting.clips).codes.astype(np.int64)
    result: dict = {}
    if len(np.unique(labels)) == 2:
        result |= _ranking(Frames(scores, labels, codes), setting)
        result["eer"] = equal_error_rate(scores, labels)
        for name in ("raw", "causal"):
            other = Frames(test[f"{name}_calibrated"].to_numpy(), labels, codes)
            result |= {f"roc_auc_{name}": other.roc_auc()[0], f"roc_auc_macro_{name}": other.roc_auc_macro()[0]}
    result |= _decisions(test, labels, tuned, setting)
    result |= _operation(test, labels, tuned, setting)
    result |= {"frames": len(test), "clips": test["clip"].nunique(), "abnormal_frames": int(labels.sum())}
    if by_event := alarms.auc_by_type(scores, test, setting.events):
        result["by_event"] = by_event
    return {key: value for key, value in result.items() if isinstance(value, dict) or np.isfinite(value)}


def judged(test: pd.DataFrame, tuned: dict[str, dict], per_scene: bool) -> np.ndarray:
    """(N,) bool: each frame's ``calibrated`` against its own fold's threshold."""
    return test["calibrated"].to_numpy() >= thresholds.applied(test, tuned, per_scene)


def _ranking(frames: Frames, setting: Setting) -> dict[str, float]:
    result = {}
    for name in ("roc_auc", "roc_auc_macro", "average_precision"):
        metric = getattr(frames, name)
        low, high = interval(metric(setting.weights), setting.params.confidence)
        result |= {name: float(metric()[0]), f"{name}_low": low, f"{name}_high": high}
    return result


def _decisions(test: pd.DataFrame, labels: np.ndarray, tuned: dict, setting: Setting) -> dict:
    result = confusion(judged(test, tuned, setting.per_scene), labels)
    everywhere = confusion(judged(test, tuned, False), labels)["f1"]
    per_scene = confusion(judged(test, tuned, True), labels)["f1"]
    return {**result, "f1_global": everywhere, "f1_per_scene": per_scene}


def _operation(test: pd.DataFrame, labels: np.ndarray, tuned: dict, setting: Setting) -> dict[str, float]:
    footage = alarms.Footage.of(test, setting.fps)
    limits = thresholds.applied(test, tuned, setting.per_scene)
    over = test["causal_calibrated"].to_numpy() >= limits
    events = setting.events if len(setting.events) else alarms.label_events(test)
    delays = alarms.delays(over, test, footage, events, setting.merge_seconds)
    detected = np.isfinite(delays)
    return {
        "detection_delay_s": float(np.median(delays[detected])) if detected.any() else np.nan,
        "events_detected": int(detected.sum()),
        "events_total": len(delays),
        "alarms_per_hour": alarms.false_alarms_per_hour(over, labels, footage, setting.merge_seconds),
    }


def localise(clips: list[localisation.Located], params: Params) -> dict[str, float]:
    """pixel_roc_auc, rbdc and tbdc where maps and masks exist."""
    if not clips:
        return {}
    rbdc, tbdc = localisation.region_criteria(clips, params)
    result = {"pixel_roc_auc": localisation.pixel_roc_auc(clips), "rbdc": rbdc, "tbdc": tbdc}
    return {key: value for key, value in result.items() if np.isfinite(value)}


def best_first(metrics: dict[str, dict]) -> list[str]:
    """The measured detectors by descending ROC-AUC, then by name."""
    measured = [name for name, values in metrics.items() if "skipped" not in values]
    return sorted(measured, key=lambda name: (-metrics[name].get("roc_auc", 0.0), name))
