"""What every sink is, and all of them as one: a receiver that fails costs a logged line, never the watch."""

import logging
from dataclasses import dataclass

from vad.deploy.alarms import Change
from vad.deploy.stream import Scored

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """An alarm's change as it is sent.

    Attributes:
        change: what changed. epoch: seconds since 1970 at which the camera's clock is 0; None for a file, whose times
            count from its beginning.
        thumbnail: JPEG of the peak; None where there is none.
    """

    change: Change
    epoch: float | None
    thumbnail: bytes | None = None

    def plain(self) -> dict:
        """As JSON: ``type``, ``before``, ``after``; with an epoch, ``start_time`` and so on count from 1970."""
        message = self.change.plain()
        for state in (message["before"], message["after"]):
            for key in ("start", "peak", "end"):
                value = state.pop(key)
                state[key] = None if value is None else round(value, 3)
                if self.epoch is not None:
                    state[f"{key}_time"] = None if value is None else round(self.epoch + value, 3)
        return message


@dataclass(frozen=True)
class Health:
    """How a camera does. ``frames``, ``dropped``, ``connections`` and ``suppressed``, alarms that the cool-down
    swallowed, are totals since the start."""

    up: bool
    fps: float
    frames: int
    dropped: int
    connections: int
    suppressed: int = 0


class Sink:
    """Takes what happens; a sink overrides what it is for. Called from several cameras' threads."""

    def camera(self, name: str, detectors: list[str]) -> None:
        """A camera is going to be watched."""

    def scored(self, camera: str, scored: Scored, epoch: float | None, latency: float) -> None:
        """A frame was scored, ``latency`` seconds after it had been decoded."""

    def alarm(self, told: Told) -> None:
        """An alarm is new, was updated or has ended."""

    def health(self, camera: str, health: Health) -> None:
        """Once in a second or so."""

    def close(self) -> None:
        """No more will come: deliver what waits, within seconds."""


class Sinks(Sink):
    """All sinks as one."""

    def __init__(self, sinks: list[Sink]) -> None:
        self.sinks = sinks
        self.failures: dict[str, int] = {}

    def camera(self, *told) -> None:
        self._each("camera", *told)

    def scored(self, *told) -> None:
        self._each("scored", *told)

    def alarm(self, *told) -> None:
        self._each("alarm", *told)

    def health(self, *told) -> None:
        self._each("health", *told)

    def close(self) -> None:
        self._each("close")

    def _each(self, verb: str, *told) -> None:
        for sink in self.sinks:
            try:
                getattr(sink, verb)(*told)
            except Exception as error:  # whatever a receiver does, the cameras go on
                name = type(sink).__name__
                count = self.failures[name] = self.failures.get(name, 0) + 1
                if count in (1, 10, 100) or count % 1000 == 0:
                    log.warning("%s failed (%d times so far): %s", name, count, error)
