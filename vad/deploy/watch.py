"""Several live cameras in one process: a thread for each, which judges its newest frame and never gives up.

Whatever goes wrong with one camera (no picture, a detector that fails) costs that camera a logged line and a new
attempt; the others go on.
"""

import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from vad.deploy.alarms import Alarm, Change
from vad.deploy.recorder import Recorder
from vad.deploy.session import Keeping, Session
from vad.deploy.settings import Settings
from vad.deploy.sinks.sink import Health, Sink, Told
from vad.deploy.sources.address import Source
from vad.deploy.sources.live import USUAL, Live, Patience
from vad.deploy.sources.media import Opened
from vad.deploy.stream import Bundle

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What holds for all cameras of a watch.

    Attributes:
        patience: with the sources.
        down_seconds: without a frame, after which a camera is down.
        folder: for clips and thumbnails; None to keep none.
        before, after: seconds around an alarm in its clip.
    """

    patience: Patience = USUAL
    down_seconds: float = 15.0
    folder: Path | None = None
    before: float = 5.0
    after: float = 5.0
    every_seconds: float = 1.0  # between two reports of health


@dataclass
class Watched:
    """A camera of the watch and how it does."""

    source: Source
    settings: Settings
    live: Live = field(init=False)
    session: Session = field(init=False)
    thread: threading.Thread = field(init=False, repr=False)
    epoch: float = 0.0  # seconds since 1970 at which its clock is 0
    started: bool = False
    down: Alarm | None = None
    failures: int = 0
    fps: float = 0.0

    def status(self) -> str:
        """A few words for people."""
        if not self.started:
            return f"{self.source.name} starting"
        if self.down:
            return f"{self.source.name} DOWN ({self.live.problem or 'no frame'})"
        if self.session.learning:
            return f"{self.source.name} learning {self.session.learning.share:.0%}"
        return f"{self.source.name} {self.fps:.1f} fps, {self.live.dropped} dropped, {self.session.counted}"


class Watch:
    """Watches ``cameras`` until they have all ended (files played as live), or :meth:`stop`.

    Args:
        cameras: (source, settings); a file is played at its own pace.
    """

    def __init__(self, cameras: list[tuple[Source, Settings]], bundle: Bundle, sinks: Sink, options: Options) -> None:
        self.bundle, self.sinks, self.options = bundle, sinks, options
        self.cameras = [Watched(source, settings) for source, settings in cameras]
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin, in threads."""
        for camera in self.cameras:
            self.sinks.camera(camera.source.name, list(self.bundle.thresholds))
            camera.thread = threading.Thread(
                target=self._watch, args=(camera,), name=f"watch-{camera.source.name}", daemon=True
            )
            camera.thread.start()

    def stop(self) -> None:
        """Ask all cameras to end."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Whether all cameras have ended, within ``seconds``."""
        until = time.monotonic() + seconds
        for camera in self.cameras:
            camera.thread.join(max(0.0, until - time.monotonic()))
        return not any(camera.thread.is_alive() for camera in self.cameras)

    def status(self) -> str:
        """One line about all cameras."""
        return " | ".join(camera.status() for camera in self.cameras)

    def _watch(self, camera: Watched) -> None:
        name, options = camera.source.name, self.options
        clips = Recorder(options.folder / "clips", options.before, options.after) if options.folder else None
        keeping = Keeping(clips, options.folder / "thumbnails" if options.folder else None)
        camera.epoch = time.time()
        camera.session = Session(name, self.bundle, camera.settings, self.sinks, camera.epoch, keeping)
        camera.live = Live(
            camera.source,
            options.patience,
            paced=camera.source.kind == "file",
            fps=camera.settings.fps,
            on_packet=clips.packet if clips else None,
            on_opened=lambda opened: self._opened(camera, opened),
            on_connected=clips.connected if clips else None,
        )
        camera.started = True
        try:
            self._judge(camera)
        finally:
            camera.live.close()
            self._safely(camera, camera.session.close)
            self._report(camera, up=False)
            if camera.down:
                self._up(camera)

    def _opened(self, camera: Watched, opened: Opened) -> None:
        log.info("%s: %.4g frames per second", camera.source.name, opened.fps)
        camera.session.opened(opened)

    def _judge(self, camera: Watched) -> None:
        live, due, counted = camera.live, time.monotonic() + self.options.every_seconds, 0
        while not self._stop.is_set():
            frame = live.next(0.25)
            if frame is not None:
                if camera.down:
                    self._up(camera)
                self._safely(camera, camera.session.frame, frame)
            elif live.finished:
                return
            else:
                self._safely(camera, camera.session.idle, time.monotonic() - live.seen)
            if camera.down is None and time.monotonic() - live.seen > self.options.down_seconds:
                self._went_down(camera)
            if (now := time.monotonic()) >= due:
                elapsed = now - due + self.options.every_seconds
                camera.fps = (camera.session.frames - counted) / elapsed
                due, counted = now + self.options.every_seconds, camera.session.frames
                self._report(camera, up=camera.down is None and live.connections > 0)

    def _safely(self, camera: Watched, action, *arguments) -> None:
        """A detector that fails is begun anew, after a pause that grows while it goes on failing."""
        try:
            action(*arguments)
            camera.failures = 0
        except Exception as error:
            camera.failures += 1
            pause = min(2.0 ** (camera.failures - 1), 60.0)
            log.error("%s: judging failed (%s: %s); again in %.0f s",
                      camera.source.name, type(error).__name__, error, pause)  # fmt: skip
            log.debug("", exc_info=True)
            camera.session.reset()
            self._stop.wait(pause)

    def _report(self, camera: Watched, up: bool) -> None:
        live = camera.live
        session = camera.session
        health = Health(up, camera.fps, session.frames, live.dropped, live.connections, session.suppressed)
        self.sinks.health(camera.source.name, health)

    def _went_down(self, camera: Watched) -> None:
        live, name = camera.live, camera.source.name
        start = live.seen - live.origin
        log.warning("%s: down: %s", name, live.problem or "no frame")
        identity = f"{name}-down-{round((camera.epoch + start) * 1000)}"
        camera.down = Alarm(identity, name, "camera_down", start=start, peak=start)
        self.sinks.alarm(Told(Change("new", camera.down, camera.down), camera.epoch))
        self._report(camera, up=False)

    def _up(self, camera: Watched) -> None:
        live, before = camera.live, camera.down
        if before is None:
            return
        camera.down = None
        log.info("%s: up again", camera.source.name)
        after = Alarm(before.id, before.camera, before.kind, before.start, before.peak, end=live.seen - live.origin)
        self.sinks.alarm(Told(Change("end", before, after), camera.epoch))
