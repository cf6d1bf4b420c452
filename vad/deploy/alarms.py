"""From calibrated scores to alarms as an operator expects them: one per event, with a beginning, a peak and an end.

An alarm begins where the calibrated score reaches the threshold, and holds while it stays above the release level,
which lies ``hysteresis`` decimal log odds below (Schmitt trigger). It is announced once it has held for
``least_seconds``; what falls back sooner is no alarm. When the score has been quiet for ``merge_seconds`` the alarm
ends; a score that reaches the threshold again before that is the same event. For ``cooldown_seconds`` after an end no
new alarm begins; what would have is counted.

With ``hysteresis``, ``least_seconds`` and ``cooldown_seconds`` 0 the alarms are those of ``vad.metrics.alarms``.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal

import pydantic

from vad.pipeline.params import Section


class Rules(Section):
    """When an alarm begins, holds and ends. ``threshold`` is on the calibrated scale, times are in seconds."""

    threshold: float = pydantic.Field(gt=0, lt=1)
    hysteresis: float = pydantic.Field(default=0.3, ge=0, le=10)
    least_seconds: float = pydantic.Field(default=0.5, ge=0, le=3600)
    merge_seconds: float = pydantic.Field(default=2.0, ge=0, le=3600)
    cooldown_seconds: float = pydantic.Field(default=0.0, ge=0, le=86400)
    update_seconds: float = pydantic.Field(default=5.0, ge=0, le=3600)
    gap_seconds: float = pydantic.Field(default=5.0, gt=0, le=3600)

    @property
    def release(self) -> float:
        """The calibrated score below which an alarm no longer holds."""
        return self.threshold if self.hysteresis == 0 else _probability(log_odds(self.threshold) - self.hysteresis)


@dataclass(frozen=True)
class Alarm:
    """One alarm as it is known at some time.

    Attributes:
        id: unique: camera and time of its beginning.
        kind: "anomaly", or "camera_down" for a camera without a picture.
        start, end: seconds on the source's clock of the first and the last frame that it held; end None while it does.
        peak, frame: seconds and number of the frame with the highest calibrated score.
        detector: whose threshold it is. score, calibrated, threshold: at the peak; log_odds of calibrated, decimal.
        detectors: calibrated scores of all detectors at the peak.
        point: (x, y) of the map's peak; box: (x1, y1, x2, y2) around it, pixels of the source; None where no map is.
        clip, thumbnail: files, where they are kept.
    """

    id: str
    camera: str
    kind: Literal["anomaly", "camera_down"]
    start: float
    peak: float
    end: float | None = None
    frame: int | None = None
    detector: str | None = None
    score: float | None = None
    calibrated: float | None = None
    log_odds: float | None = None
    threshold: float | None = None
    detectors: dict[str, float] | None = None
    point: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None
    clip: str | None = None
    thumbnail: str | None = None


@dataclass(frozen=True)
class Change:
    """What became of an alarm: ``new``, ``update`` (a higher peak) or ``end``, with its state before and after."""

    type: Literal["new", "update", "end"]
    before: Alarm
    after: Alarm

    def plain(self) -> dict:
        """As JSON has it."""
        return {"type": self.type, "before": asdict(self.before), "after": asdict(self.after)}


@dataclass(frozen=True)
class Moment:
    """A scored frame as the rules see it. ``describe`` gives what an :class:`Alarm` tells of its peak, if asked."""

    seconds: float
    calibrated: float
    describe: Callable[[], dict] = dict


class Alarms:
    """The alarms of one camera.

    Args:
        camera: its name. epoch: seconds since 1970 at which the source's clock is 0, for the alarms' identity.

    Attributes:
        suppressed: alarms that the cool-down swallowed.
    """

    def __init__(self, camera: str, rules: Rules, epoch: float = 0.0) -> None:
        self.camera, self.rules, self.epoch = camera, rules, epoch
        self.suppressed = 0
        self._release = rules.release
        self._alarm: Alarm | None = None  # the candidate, or the alarm that is on
        self._announced: Alarm | None = None  # its state as last told
        self._told = 0.0  # when that was
        self._held = self._seen = -math.inf  # the last frame that held the alarm, the last frame
        self._holds = False  # the last frame held it
        self._steps: deque[float] = deque(maxlen=25)  # between frames, of late
        self._quiet_until = -math.inf
        self._swallowing = False

    @property
    def on(self) -> bool:
        """Whether an alarm is announced and has not ended."""
        return self._announced is not None

    def push(self, moment: Moment) -> list[Change]:
        """Take the next frame; what changed by it."""
        changes = []
        now, calibrated = moment.seconds, moment.calibrated
        if now - self._seen > self.rules.gap_seconds:
            changes += self.close()
        if math.isfinite(self._seen):
            self._steps.append(now - self._seen)
        self._seen = now
        if self.on and now - self._held > self._reach():
            changes += self.close()
        level = self._release if self._holds else self.rules.threshold
        self._holds = calibrated >= level and (self._alarm is not None or self._may_begin(now))
        self._swallowing &= calibrated >= self._release
        if self._holds:
            self._hold(moment)
        elif self._alarm and not self.on:
            self._alarm = None  # it fell back too soon
        elif self.on and now - self._held > self.rules.merge_seconds:
            changes += self.close()
        return changes + self._announce(now)

    def close(self) -> list[Change]:
        """End the alarm that is on, where one is: the stream has ended, or was interrupted."""
        changes = []
        if self._announced and self._alarm:
            ended = replace(self._alarm, end=self._held)
            changes.append(Change("end", self._announced, ended))
            self._quiet_until = self._held + self.rules.cooldown_seconds
        self._alarm = self._announced = None
        self._holds = False
        return changes

    def _reach(self) -> float:
        """Seconds between two frames that hold an alarm up to which it is one; neighbouring frames always are."""
        usual = sorted(self._steps)[len(self._steps) // 2] if self._steps else 0.0
        return max(self.rules.merge_seconds, 1.5 * usual)

    def _may_begin(self, now: float) -> bool:
        if now > self._quiet_until or self.rules.cooldown_seconds == 0:
            return True
        self.suppressed += not self._swallowing
        self._swallowing = True
        return False

    def _hold(self, moment: Moment) -> None:
        self._held = moment.seconds
        if self._alarm is None:
            name = f"{self.camera}-{round((self.epoch + moment.seconds) * 1000)}"
            self._alarm = Alarm(
                name, self.camera, "anomaly", moment.seconds, moment.seconds, threshold=self.rules.threshold
            )
        if self._alarm.calibrated is None or moment.calibrated > self._alarm.calibrated:
            told = moment.describe()
            self._alarm = replace(
                self._alarm,
                peak=moment.seconds,
                calibrated=moment.calibrated,
                log_odds=round(log_odds(moment.calibrated), 3),
                **told,
            )

    def _announce(self, now: float) -> list[Change]:
        if self._alarm is None or not self._holds:
            return []
        if self._announced is None:
            if now - self._alarm.start < self.rules.least_seconds:
                return []
            change = Change("new", self._alarm, self._alarm)
        elif self._alarm.peak > self._announced.peak and now - self._told >= self.rules.update_seconds:
            change = Change("update", self._announced, self._alarm)
        else:
            return []
        self._announced, self._told = self._alarm, now
        return [change]


def log_odds(calibrated: float) -> float:
    """log10(q / (1 - q)), of q kept inside (0, 1) as far as float64 tells them apart."""
    q = min(max(calibrated, 1e-12), 1 - 1e-16)
    return math.log10(q) - math.log10(1 - q)


def _probability(odds: float) -> float:
    return 1 / (1 + 10.0**-odds)
