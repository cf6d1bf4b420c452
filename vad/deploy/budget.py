"""The threshold that keeps a camera within so many alarms an hour, from its own normal video.

The alarms that are counted are those of the rules that will raise them: hysteresis, least duration, merging and
cool-down included. A promise of r alarms an hour needs 1/r hours of normal video; for less it is refused. In T hours
it lets r T - 1 of them happen, not r T: the threshold is fitted to this very video, and of other video one alarm more
is to be expected, as beyond the k-th highest of n exchangeable scores lie k / (n + 1) of new ones (see
``vad.post_processing.budget``).
"""

import numpy as np

from vad.deploy.alarms import Alarms, Moment, Rules, log_odds
from vad.pipeline.errors import UserError

STEP = 0.05  # decimal log odds between the thresholds that are tried
MOST = 0.1  # of normal video in alarm, whatever the number of alarms


def threshold(calibrated: np.ndarray, seconds: np.ndarray, per_hour: float, rules: Rules) -> float:
    """The lowest threshold down from the highest normal score at which other normal video will give no more.

    Args:
        calibrated: (N,) scores of normal video in (0, 1), one camera's, in order; seconds: (N,) their ascending times.
        per_hour: alarms an hour that are allowed.
        rules: all but the threshold.

    Raises:
        UserError: the video is too short for such a promise.
    """
    hours = float(seconds[-1] - seconds[0]) / 3600 if len(seconds) > 1 else 0.0
    allowed = int(per_hour * hours + 0.01)
    if allowed < 1:
        raise UserError(
            f"{60 * hours:.1f} minutes of normal video cannot promise {per_hour:g} alarms an hour, which needs "
            f"{60 / per_hour:.0f}: take more (--minutes), or allow {1 / max(hours, 1e-9):.3g} (--alarms-per-hour)"
        )
    lowest, level = None, log_odds(float(calibrated.max()))
    while (calibrated >= (limit := 1 / (1 + 10.0**-level))).mean() <= MOST:
        if count(calibrated, seconds, rules.model_copy(update={"threshold": limit})) >= allowed:
            break
        lowest, level = limit, level - STEP
    return float(np.nextafter(calibrated.max(), 1)) if lowest is None else lowest


def count(calibrated: np.ndarray, seconds: np.ndarray, rules: Rules) -> int:
    """How many alarms ``rules`` raise over these frames.

    Of frames below the release level only those beside the others are looked at: what lies between two of them changes
    nothing but the time that has gone by.
    """
    high = calibrated >= rules.release
    beside = high | np.append(high[1:], False) | np.append(False, high[:-1])
    alarms, begun = Alarms("", rules.model_copy(update={"gap_seconds": 3600.0})), 0
    for value, at in zip(calibrated[beside].tolist(), seconds[beside].tolist(), strict=True):
        begun += sum(change.type == "new" for change in alarms.push(Moment(at, value)))
    return begun
