"""One detector's metrics: what ``metrics/<detector>.json`` holds.

Headline metrics use ``calibrated`` (of the smoothed score): folds of a labelled detector have scales of their own,
and only calibrated scores may be pooled; within a fold calibration is strictly monotone, so a detector with one fold
has the AUC of its smoothed scores. Raw and causal scores are calibrated in the same way before they are pooled. What
is decided at a threshold (F1, delay, events, alarms per hour) is decided on the causal scores, smoothed by the past
alone, on which thresholds are tuned. How far the scores themselves look ahead is their detector's affair
(docs/results.md).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from vad.data.frames import FrameStore
from vad.metrics import alarms, localisation
from vad.metrics.measures import Frames, Params, confusion, equal_error_rate, interval
from vad.post_processing import calibration, thresholds


@dataclass(frozen=True)
class Resampling:
    """How intervals are made: the bootstrap over clips.

    Attributes:
        clips: the C test clips in name order; weights: (R, C) their multiplicities in each resample.
        confidence: of the intervals.
    """

    clips: list[str]
    weights: np.ndarray
    confidence: float


@dataclass(frozen=True)
class Setting:
    """What all detectors' decisions are measured with.

    Attributes:
        fps: per clip; events: clip, first_frame, last_frame, type (empty where unknown).
        merge_seconds, per_scene: as the thresholds were tuned.
        latency: detector -> clip -> seconds by which a frame's score comes later than the frame; 0 where not given.
    """

    fps: dict[str, float]
    events: pd.DataFrame
    merge_seconds: float
    per_scene: bool
    latency: dict[str, dict[str, float]] = field(default_factory=dict)

    def late(self, rows: pd.DataFrame) -> np.ndarray:
        """(N,) seconds after each frame at which the score is there, of one detector's rows of the fused table."""
        return alarms.late(rows, self.latency.get(str(rows["detector"].iloc[0]), {}))


def rank(rows: pd.DataFrame, events: pd.DataFrame, resampling: Resampling) -> dict:
    """What no threshold changes: how well the scores rank the frames.

    Args:
        rows: the detector's rows of the fused table; events: see :class:`Setting`.

    Returns:
        Flat, but for ``by_event``; metrics without a value are left out.
    """
    rows = rows.assign(
        raw_calibrated=calibration.by_fold(rows, "score"), causal_calibrated=calibration.by_fold(rows, "causal")
    )
    test = rows[rows["role"] == "test"].sort_values(["clip", "frame"], ignore_index=True)
    scores, labels = test["calibrated"].to_numpy(), test["label"].to_numpy()
    codes = pd.Categorical(test["clip"], categories=resampling.clips).codes.astype(np.int64)
    result: dict = {}
    if len(np.unique(labels)) == 2:
        result |= _areas(Frames(scores, labels, codes), resampling)
        result["eer"] = equal_error_rate(scores, labels)
        for name in ("raw", "causal"):
            other = Frames(test[f"{name}_calibrated"].to_numpy(), labels, codes)
            result |= {f"roc_auc_{name}": other.roc_auc()[0], f"roc_auc_macro_{name}": other.roc_auc_macro()[0]}
    if by_event := alarms.auc_by_type(scores, test, events):
        result["by_event"] = by_event
    return _known(result)


def decide(rows: pd.DataFrame, tuned: dict[str, dict], setting: Setting) -> dict:
    """What the thresholds decide: the confusion matrix and what an operator asks.

    Args:
        rows: the detector's rows of the fused table; tuned: its thresholds per fold.

    Returns:
        Flat; metrics without a value are left out.
    """
    test = watched(rows)
    labels = test["label"].to_numpy()
    over = judged(test, tuned, setting.per_scene)
    result = _decisions(test, over, labels, tuned) | operation(test, over, setting)
    result |= {"frames": len(test), "clips": test["clip"].nunique(), "abnormal_frames": int(labels.sum())}
    return _known(result)


def watched(rows: pd.DataFrame) -> pd.DataFrame:
    """The test rows in order of clip and frame, with ``causal_calibrated``, the scores that a live camera shows."""
    rows = rows.assign(causal_calibrated=calibration.by_fold(rows, "causal"))
    return rows[rows["role"] == "test"].sort_values(["clip", "frame"], ignore_index=True)


def _known(result: dict) -> dict:
    return {key: value for key, value in result.items() if isinstance(value, dict) or np.isfinite(value)}


def judged(test: pd.DataFrame, tuned: dict[str, dict], per_scene: bool) -> np.ndarray:
    """(N,) bool: each frame's ``causal_calibrated`` (see :func:`watched`) against its own fold's threshold."""
    return test["causal_calibrated"].to_numpy() >= thresholds.applied(test, tuned, per_scene)


def _areas(frames: Frames, resampling: Resampling) -> dict[str, float]:
    result: dict[str, float] = {}
    for name in ("roc_auc", "roc_auc_macro", "average_precision"):
        metric = getattr(frames, name)
        low, high = interval(metric(resampling.weights), resampling.confidence)
        result |= {name: float(metric()[0]), f"{name}_low": low, f"{name}_high": high}
    return result


def _decisions(test: pd.DataFrame, over: np.ndarray, labels: np.ndarray, tuned: dict) -> dict:
    result = confusion(over, labels)
    everywhere = confusion(judged(test, tuned, False), labels)["f1"]
    per_scene = confusion(judged(test, tuned, True), labels)["f1"]
    return {**result, "f1_global": everywhere, "f1_per_scene": per_scene}


def operation(test: pd.DataFrame, over: np.ndarray, setting: Setting) -> dict[str, float]:
    """What an operator gets from alarms on the frames ``over`` (N,) bool of ``test`` (see :func:`watched`).

    Returns:
        ``detection_delay_s`` (median until the score is there, NaN where nothing is detected), ``latency_s`` (median
        of what is in it because the score comes later than the frame), ``events_detected``, ``events_total``,
        ``alarms_per_hour`` (of normal video, NaN where there is none).
    """
    footage, labels = alarms.Footage.of(test, setting.fps), test["label"].to_numpy()
    events = setting.events if len(setting.events) else alarms.label_events(test)
    delays = alarms.delays(over, test, footage, events, setting.merge_seconds, setting.late(test))
    detected = np.isfinite(delays)
    return {
        "detection_delay_s": float(np.median(delays[detected])) if detected.any() else np.nan,
        "latency_s": float(np.median(setting.late(test))),
        "events_detected": int(detected.sum()),
        "events_total": len(delays),
        "alarms_per_hour": alarms.false_alarms_per_hour(over, labels, footage, setting.merge_seconds),
    }


def localise(clips: Collection[localisation.Located], params: Params) -> dict[str, float]:
    """pixel_roc_auc, rbdc and tbdc where maps and masks exist."""
    if not clips:
        return {}
    rbdc, tbdc = localisation.region_criteria(clips, params)
    result = {"pixel_roc_auc": localisation.pixel_roc_auc(clips), "rbdc": rbdc, "tbdc": tbdc}
    return _known(result)


@dataclass(frozen=True)
class Localising:
    """:func:`localise` of one detector's maps in ``maps/<detector>``, as a work of ``vad.pipeline.executor``."""

    maps: Path
    params: Params

    def __getstate__(self) -> dict:
        """Whoever gets a copy reads the masks himself."""
        return {"maps": self.maps, "params": self.params}

    @cached_property
    def _masks(self) -> localisation.GridMasks:
        return localisation.GridMasks(FrameStore(), self.params.map_short_side)

    def __call__(self, detector: str, folder: Path) -> dict[str, float]:
        """Nothing is written."""
        return localise(self._masks.locate(self.maps / detector), self.params)


def best_first(metrics: dict[str, dict]) -> list[str]:
    """The measured detectors by descending ROC-AUC, then by name."""
    measured = [name for name, values in metrics.items() if "skipped" not in values]
    return sorted(measured, key=lambda name: (-metrics[name].get("roc_auc", 0.0), name))
