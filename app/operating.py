"""What an operator gets from a detector at a threshold: alarms per hour, events caught, delay.

The counting is the pipeline's own (``vad.evaluation.scorecard.operation``), so that the figures at the tuned thresholds
are those of metrics/<detector>.json.
"""

import numpy as np
import pandas as pd

from vad.evaluation import scorecard
from vad.metrics import alarms

LEVELS = 60  # thresholds of a sweep


def from_log_odds(level: float) -> float:
    """The calibrated score whose decimal log odds are ``level`` (see ``vad.visualization.scale``)."""
    return float(1 - 1 / (1 + 10.0**level))


def over_level(test: pd.DataFrame, level: float) -> np.ndarray:
    """(N,) bool: the frames of ``scorecard.watched`` whose score reaches ``level`` on the scale that is shown."""
    return test["causal_calibrated"].to_numpy() >= from_log_odds(level)


def sweep(test: pd.DataFrame, setting: scorecard.Setting) -> pd.DataFrame:
    """``scorecard.operation`` at thresholds all along the scale: a row each, with its ``level``."""
    from vad.visualization.scale import log_odds

    levels = log_odds(test["causal_calibrated"].to_numpy())
    wanted = np.linspace(max(levels.min(), -2.0), levels.max(), LEVELS)
    return pd.DataFrame(
        [{"level": level} | scorecard.operation(test, over_level(test, level), setting) for level in wanted]
    )


def outcomes(test: pd.DataFrame, over: np.ndarray, setting: scorecard.Setting) -> pd.DataFrame:
    """Every event of the scored clips: clip, type, begin and end in seconds, delay in seconds (NaN where missed)."""
    events = setting.events if len(setting.events) else alarms.label_events(test)
    events = events[events["clip"].isin(set(test["clip"]))]
    footage, late = alarms.Footage.of(test, setting.fps), setting.late(test)
    delays = alarms.delays(over, test, footage, events, setting.merge_seconds, late)
    rate = events["clip"].map(setting.fps).astype(float)
    return pd.DataFrame(
        {
            "clip": events["clip"].astype(str),
            "type": events["type"].str.replace("_", " ") if "type" in events else "abnormal",
            "begin": events["first_frame"] / rate,
            "end": events["last_frame"] / rate,
            "delay": delays,
        }
    ).reset_index(drop=True)


def normal_minutes(test: pd.DataFrame, setting: scorecard.Setting) -> float:
    """Minutes of normal test video that false alarms were counted on."""
    return 60 * alarms.Footage.of(test, setting.fps).hours(test["label"].to_numpy() == 0)
