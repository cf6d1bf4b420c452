"""The scale on which scores are shown to people: one for all detectors and clips.

It is the decimal log odds of the calibrated score q, log10(q / (1 - q)): 0 is the median of held-out normal video,
1 about its upper tenth, 2 its upper hundredth, and so on into the tail. It is strictly increasing in q, so ROC and
precision-recall curves, peaks and thresholds are those of the calibrated score; nothing is measured or decided on it.
Curves are of the scores that rank (smoothed both ways); whatever shows a threshold is of those it decides on (causal).
"""

import numpy as np
import pandas as pd

from vad.post_processing.calibration import by_fold
from vad.post_processing.thresholds import applied


def log_odds(calibrated: np.ndarray) -> np.ndarray:
    """log10(q / (1 - q)) of calibrated scores or thresholds in (0, 1)."""
    q = np.clip(np.asarray(calibrated, dtype=np.float64), 1e-12, 1 - 1e-16)
    return np.log10(q) - np.log10(1 - q)


def ranked(fused: pd.DataFrame) -> pd.DataFrame:
    """The test frames of ``data/fused.parquet`` with ``shown``, of the scores that rank them: smoothed both ways."""
    test = fused[fused["role"] == "test"].reset_index(drop=True)
    return test.assign(shown=log_odds(test["calibrated"]))


def decided(fused: pd.DataFrame, thresholds: dict) -> pd.DataFrame:
    """The test frames with ``shown``, of the causal scores, ``level`` (the threshold on that scale) and ``alarm``.

    Args:
        fused: ``data/fused.parquet``, its calibration frames too.
        thresholds: ``data/thresholds.json``; a detector that is not in it gets NaN levels and no alarm.
    """
    live = np.empty(len(fused))
    for own in fused.groupby("detector", observed=True).indices.values():
        live[own] = by_fold(fused.iloc[own], "causal")
    fused = fused.assign(live=live)
    test = fused[fused["role"] == "test"].reset_index(drop=True)
    threshold = np.full(len(test), np.nan)
    for detector, tuned in thresholds.get("detectors", {}).items():
        own = (test["detector"] == detector).to_numpy()
        threshold[own] = applied(test[own], tuned, thresholds["per_scene"])
    alarm = test["live"].to_numpy() >= threshold
    return test.assign(shown=log_odds(test["live"]), level=log_odds(threshold), alarm=alarm)
