"""CSV: a row per frame and detector, a row per alarm that has ended."""

import csv
import os
import threading
from pathlib import Path
from typing import Any, TextIO

from vad.deploy.sinks.sink import Sink, Told
from vad.deploy.stream import Scored
from vad.pipeline.errors import UserError

SCORES = ("camera", "frame", "seconds", "detector", "score", "causal", "calibrated")
ALARMS = (
    "id", "camera", "kind", "start", "peak", "end", "start_time", "end_time", "frame", "detector", "score",
    "calibrated", "log_odds", "threshold", "x", "y", "x1", "y1", "x2", "y2", "clip", "thumbnail",
)  # fmt: skip


class Tables(Sink):
    """``scores.csv`` and ``alarms.csv`` in ``folder``.

    Args:
        scores: whether there is the former. append: to what is there already, which is replaced otherwise.

    Raises:
        UserError: what is there has other columns.
    """

    def __init__(self, folder: Path, scores: bool = True, append: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._append = append
        self._lock = threading.Lock()
        self._files: list[TextIO] = []
        self._scores: Any = None
        self._alarms = self._open(folder / "alarms.csv", ALARMS)
        if scores:
            self._scores = self._open(folder / "scores.csv", SCORES)

    def _open(self, path: Path, columns: tuple[str, ...]):
        going_on = self._append and path.exists() and path.stat().st_size > 0
        if going_on:
            with path.open("rb") as before:
                first = before.readline().decode(errors="replace").rstrip("\n")
                before.seek(-1, os.SEEK_END)
                last = before.read(1)
            if first != ",".join(columns):
                raise UserError(f"{path} has other columns than are written now: move it away")
        file = path.open("a" if going_on else "w", newline="", encoding="utf-8")
        self._files.append(file)
        writer = csv.writer(file, lineterminator="\n")
        if not going_on:
            writer.writerow(columns)
        elif last != b"\n":
            file.write("\n")  # whoever wrote it was killed within a row
        file.flush()
        return writer

    def scored(self, camera: str, scored: Scored, epoch: float | None, latency: float) -> None:
        if self._scores is None:
            return
        with self._lock:
            for name, reading in scored.readings.items():
                values = (f"{value:.9g}" for value in (reading.score, reading.causal))
                own = (camera, scored.frame, f"{scored.seconds:.3f}", name, *values, repr(float(reading.calibrated)))
                self._scores.writerow(own)

    def alarm(self, told: Told) -> None:
        if told.change.type != "end":
            return
        after = told.plain()["after"]
        after |= dict(zip("xy", after["point"] or (None, None), strict=True))
        after |= dict(zip(("x1", "y1", "x2", "y2"), after["box"] or (None,) * 4, strict=True))
        with self._lock:
            self._alarms.writerow([after.get(column) for column in ALARMS])
            for file in self._files:
                file.flush()

    def close(self) -> None:
        for file in self._files:
            file.close()
