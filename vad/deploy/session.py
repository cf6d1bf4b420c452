"""One camera's frames through a bundle's scorer to alarms, pictures and clips, whoever brings the frames.

The scorer is opened by the first frame, and anew when the picture's size changes or after a gap longer than
``gap_seconds``: across a short gap it keeps its state, after a long one what it remembers is of another scene.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from vad.deploy import where
from vad.deploy.alarms import Alarms, Change, Moment
from vad.deploy.annotated import Annotated
from vad.deploy.learning import Learning
from vad.deploy.recorder import Recorder
from vad.deploy.settings import Settings
from vad.deploy.sinks.sink import Sink, Told
from vad.deploy.sources.media import Frame, Opened
from vad.deploy.stream import Bundle, Scored, Scorer
from vad.perception.camera import Camera
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Keeping:
    """What is kept on disk; None for what is not."""

    clips: Recorder | None = None
    thumbnails: Path | None = None
    annotated: Path | None = None


NOTHING = Keeping()


class Session:
    """A camera at work.

    Args:
        epoch: seconds since 1970 at which the frames' clock is 0; None for a file, whose times stand alone.
        sample: gives pictures of the camera to learn its scene from, where the bundle has to and does not know it;
            None to take them from the frames as they come, which then are not judged.

    Attributes:
        frames: judged so far. alarms: begun so far.
    """

    def __init__(
        self,
        name: str,
        bundle: Bundle,
        settings: Settings,
        sinks: Sink,
        epoch: float | None = None,
        keeping: Keeping = NOTHING,
        sample: Callable[[], list[np.ndarray]] | None = None,
    ) -> None:
        self.name, self.bundle, self.settings, self.sinks, self.epoch = name, bundle, settings, sinks, epoch
        self.keeping = keeping
        self.frames = self.begun = 0
        self.learning: Learning | None = None
        self._sample = sample
        self._learnt: list[np.ndarray] | None = None
        self._fps: float | None = None
        self._scorer: Scorer | None = None
        self._alarms: Alarms | None = None
        self._waiting: deque[Frame] = deque()  # pushed, not judged yet
        self._last = float("-inf")
        self._peak: np.ndarray | None = None  # the picture of the open alarm's peak
        self._clip: str | None = None  # of the open alarm, and its thumbnail
        self._picture: str | None = None
        self._film: Annotated | None = None

    @property
    def latency(self) -> int | None:
        """The scorer's latency in frames, while there is one."""
        return self._scorer.latency if self._scorer else None

    @property
    def suppressed(self) -> int:
        """Alarms that the cool-down swallowed."""
        return self._alarms.suppressed if self._alarms else 0

    @property
    def counted(self) -> str:
        """The alarms in a few words for people."""
        return f"{self.begun} alarms" + (f", {self.suppressed} more in the cool-down" if self.suppressed else "")

    def opened(self, opened: Opened) -> None:
        """The source says what it is."""
        self._fps = min(self.settings.fps or opened.fps, opened.fps)
        if self.keeping.clips:
            self.keeping.clips.opened(opened)

    def frame(self, frame: Frame) -> list[Scored]:
        """Take the next frame; the frames that were judged by it."""
        size = frame.image.shape[1::-1]
        if self._scorer is not None:
            gap = frame.seconds - self._last
            if size != tuple(self._scorer.camera.size):
                self._end_scorer(f"the picture is {size[0]}x{size[1]} now")
            elif gap > self.settings.gap_seconds:
                self._end_scorer(f"no frame for {gap:.1f} s")
        if self._scorer is None:
            self._open(frame, size)
        if self._scorer is None:
            return []
        self._last = frame.seconds
        self._waiting.append(frame)
        return self._judge(self._scorer.push(frame.image, frame.seconds))

    def idle(self, seconds: float) -> None:
        """No frame has come for so many seconds: an alarm does not stay on without a picture.

        They count from the last frame's arrival, not from its time stamp: a stream that runs late is not silent.
        """
        if self._scorer is not None and seconds > self.settings.gap_seconds:
            self._end_scorer(f"no frame for {seconds:.1f} s")

    def close(self) -> None:
        """Judge what waits, end the alarm that is on, finish the files."""
        if self._scorer is not None:
            self._end_scorer(None)
        if self.keeping.clips:
            self.keeping.clips.close()
        if self._film:
            self._film.close()
            self._film = None

    def reset(self) -> None:
        """Forget the scorer, which failed; the next frame opens another."""
        self._scorer = None
        self._waiting.clear()
        self._tell(self._alarms.close() if self._alarms else [])

    def _open(self, frame: Frame, size: tuple[int, int]) -> None:
        """Open the scorer, unless the scene has to be learnt first."""
        camera = Camera(self.name, self.settings.scene or self.name, self._fps or 25.0, size)
        if self.learning is not None and not self.learning.take(frame):
            return
        if self.learning is not None:
            self._learnt, self.learning = self.learning.sample, None
        try:
            self._scorer = self.bundle.open(camera, self._learnt)
        except UserError as error:
            if camera.scene in self.bundle.scenes or self._learnt is not None:
                raise
            if self._sample is None:
                log.info("%s: %s; learning it from the first %.0f s", self.name, error, Learning.seconds)
                self.learning = Learning(size)
                return
            log.info("%s: the scene '%s' is learnt from the file itself", self.name, camera.scene)
            self._learnt = self._sample()
            self._scorer = self.bundle.open(camera, self._learnt)
        rules = self.settings.rules(self.bundle, self._scorer.thresholds)
        self._detector = self.settings.in_charge(self._scorer.thresholds)
        if self._alarms is None:
            self._alarms = Alarms(self.name, rules, self.epoch or 0.0)

    def _end_scorer(self, why: str | None) -> None:
        if why:
            log.info("%s: %s: the detectors begin anew", self.name, why)
        if self._scorer is not None and self._alarms is not None:
            self._judge(self._scorer.close())
            self._tell(self._alarms.close())
        self._scorer = None
        self._waiting.clear()

    def _judge(self, judged: list[Scored]) -> list[Scored]:
        alarms = self._alarms
        assert alarms is not None, "a scorer was opened with its alarms"
        for scored in judged:
            frame = self._waiting.popleft()
            while frame.seconds < scored.seconds:  # a stride passes over some
                frame = self._waiting.popleft()
            self.frames += 1
            self.sinks.scored(self.name, scored, self.epoch, time.monotonic() - frame.arrived)
            reading = scored.readings[self._detector]
            describe = partial(self._describe, scored, frame)
            self._tell(alarms.push(Moment(scored.seconds, reading.calibrated, describe)))
            if self.keeping.annotated:
                self._add_to_film(self.keeping.annotated, alarms, scored, frame)
        return judged

    def _describe(self, scored: Scored, frame: Frame) -> dict:
        """What an alarm tells of the frame that is its peak."""
        self._peak = frame.image
        told = {
            "frame": scored.frame,
            "detector": self._detector,
            "score": float(scored.readings[self._detector].score),
            "detectors": {name: float(reading.calibrated) for name, reading in scored.readings.items()},
        }
        own = where.telling(scored, self._detector)
        found = None
        if own is not None and own.map is not None:
            found = where.place(own.map, frame.image.shape[1::-1], own.level)
        return told | ({"point": found[0], "box": found[1]} if found else {"point": None, "box": None})

    def _tell(self, changes: list[Change]) -> None:
        for change in changes:
            change = self._kept(change)
            self.sinks.alarm(Told(change, self.epoch, self._thumbnail(change)))

    def _kept(self, change: Change) -> Change:
        """``change`` with its clip, which is begun or ended, and the path of its thumbnail."""
        alarm, clips = change.after, self.keeping.clips
        if change.type == "new":
            self.begun += 1
            path = clips.begin(alarm.id, alarm.start) if clips else None
            self._clip = str(path) if path else None
            folder = self.keeping.thumbnails
            self._picture = str(folder / f"{alarm.id}.jpg") if folder else None
        elif clips and alarm.end is not None:
            clips.end(alarm.id, alarm.end)
        before, after = (replace(one, clip=self._clip, thumbnail=self._picture) for one in (change.before, alarm))
        return Change(change.type, before, after)

    def _thumbnail(self, change: Change) -> bytes | None:
        if self._peak is None:
            return None
        image = cv2.cvtColor(self._peak, cv2.COLOR_RGB2BGR)
        if change.after.box:
            x1, y1, x2, y2 = change.after.box
            cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), (0, 94, 213), 2, cv2.LINE_AA)
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
        if change.after.thumbnail:
            path = Path(change.after.thumbnail)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            except OSError as error:
                log.warning("%s: no thumbnail: %s", path, error.strerror)
        return data

    def _add_to_film(self, path: Path, alarms: Alarms, scored: Scored, frame: Frame) -> None:
        size = frame.image.shape[1::-1]
        if self._film is None:
            self._film = Annotated(path, self.name, self._fps or 25.0, size)
        self._film.add(frame.image, scored, self._detector, alarms.rules.threshold, alarms.on)
