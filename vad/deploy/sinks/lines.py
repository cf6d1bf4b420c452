"""JSON lines on standard output or in a file."""

import json
import threading
from pathlib import Path
from typing import TextIO

from vad.deploy.sinks.sink import Sink, Told
from vad.deploy.stream import Scored


class Lines(Sink):
    """One JSON object a line: ``{"alarm": ...}`` and, where wanted, ``{"score": ...}``.

    Args:
        file: an open text file, or a path to append to.
        scores, alarms: which of them are written.
    """

    def __init__(self, file: TextIO | Path, scores: bool, alarms: bool = True) -> None:
        self._own = isinstance(file, Path)
        if isinstance(file, Path):
            file.parent.mkdir(parents=True, exist_ok=True)
            file = file.open("a", encoding="utf-8")
        self._file: TextIO = file
        self._scores, self._alarms, self._lock = scores, alarms, threading.Lock()

    def scored(self, camera: str, scored: Scored, epoch: float | None, latency: float) -> None:
        if self._scores:
            self._write({"score": frame(camera, scored, epoch)})

    def alarm(self, told: Told) -> None:
        if self._alarms:
            self._write({"alarm": told.plain()})

    def close(self) -> None:
        if self._own:
            self._file.close()

    def _write(self, message: dict) -> None:
        with self._lock:
            self._file.write(json.dumps(message) + "\n")
            self._file.flush()


def frame(camera: str, scored: Scored, epoch: float | None) -> dict:
    """A scored frame as JSON has it."""
    result = {"camera": camera, "frame": scored.frame, "seconds": round(scored.seconds, 3)}
    if epoch is not None:
        result["time"] = round(epoch + scored.seconds, 3)
    result["detectors"] = {
        name: {
            "score": _short(reading.score),
            "causal": _short(reading.causal),
            "calibrated": float(reading.calibrated),
        }
        for name, reading in scored.readings.items()
    }
    return result


def _short(value: float) -> float:
    return float(f"{value:.7g}")
