"""A live source that is never given up: one reader process after the other, the newest frame only.

A thread drains the reader's pipe, so that the reader never waits: packets go to whoever keeps them, the newest picture
lies in a slot of one and replaces the one that waited there, which is counted as dropped. Nothing queues up.

A reader that says nothing for too long is killed; after any end the next one starts after a pause that doubles up to a
limit and begins anew once frames have come.
"""

import contextlib
import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vad.deploy.sources import reader
from vad.deploy.sources.address import Source
from vad.deploy.sources.media import Frame, Opened, Packet

log = logging.getLogger(__name__)
SPAWN = multiprocessing.get_context("spawn")  # forking a process that has threads is not safe


@dataclass(frozen=True)
class Patience:
    """Seconds.

    Attributes:
        open: from the start of a reader to its first frame.
        read: from one frame to the next.
        pause, longest_pause: before the second attempt, and at most.
    """

    open: float = 15.0
    read: float = 10.0
    pause: float = 1.0
    longest_pause: float = 30.0


USUAL = Patience()


class Live:
    """Reads ``source`` until :meth:`close`.

    Args:
        paced: a file, played as if it were live; it is read once.
        fps: frames per second that are wanted; None for all.
        on_packet, on_opened, on_connected: called from the draining thread.

    Attributes:
        origin: ``time.monotonic()`` at which its clock is 0.
        opened: what it says of its video; None before the first frame.
        decoded, dropped: frames so far.
        connections: how often frames began to come.
        seen: ``time.monotonic()`` of the newest frame, before the first one of the start.
        problem: why the last connection ended; None while frames come.
        finished: a file has been played, or the source was closed.
    """

    def __init__(
        self,
        source: Source,
        patience: Patience = USUAL,
        paced: bool = False,
        fps: float | None = None,
        on_packet: Callable[[Packet], None] | None = None,
        on_opened: Callable[[Opened], None] | None = None,
        on_connected: Callable[[], None] | None = None,
    ) -> None:
        self.source, self.patience = source, patience
        self.origin = self.seen = time.monotonic()
        self.opened: Opened | None = None
        self.decoded = self.dropped = self.connections = 0
        self.problem: str | None = None
        self.finished = False
        self._paced, self._fps = paced or source.kind == "file", fps
        self._on_packet, self._on_opened, self._on_connected = on_packet, on_opened, on_connected
        self._slot: Frame | None = None
        self._ready = threading.Condition()
        self._stop = threading.Event()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._deadline, self._hung = float("inf"), False
        self._thread = threading.Thread(target=self._run, name=f"live-{source.name}", daemon=True)
        self._thread.start()

    def next(self, timeout: float) -> Frame | None:
        """The newest frame that was not given out yet; None if none comes within ``timeout`` seconds."""
        until = time.monotonic() + timeout
        with self._ready:
            while self._slot is None and not self.finished:
                self._kill_if_hung()
                now = time.monotonic()
                if now >= until:
                    return None
                self._ready.wait(max(0.01, min(until, self._deadline) - now))
            frame, self._slot = self._slot, None
            return frame

    def close(self) -> None:
        """End the reader process and the thread."""
        self._stop.set()
        if (process := self._process) is not None:
            process.kill()
        self._thread.join(10)

    def _kill_if_hung(self) -> None:
        if time.monotonic() > self._deadline and (process := self._process) is not None:
            self._deadline, self._hung = float("inf"), True
            process.kill()  # its pipe then ends, and the draining thread goes on

    def _run(self) -> None:
        pause = self.patience.pause
        while not self._stop.is_set():
            before = self.decoded
            self.problem = self._connection()
            if self.problem is None or self._stop.is_set():
                break
            if self.decoded > before:
                pause = self.patience.pause
            log.warning("%s: %s; next attempt in %.0f s", self.source.name, self.problem, pause)
            self._stop.wait(pause)
            pause = min(2 * pause, self.patience.longest_pause)
        with self._ready:
            self.finished = True
            self._ready.notify_all()

    def _connection(self) -> str | None:
        """One reader's life; why it ended, None for a file that was played to its end."""
        receiving, sending = SPAWN.Pipe(duplex=False)
        process = SPAWN.Process(target=reader.main, args=(sending, self._reading()), daemon=True)
        limit, before = self.patience.open, self.decoded
        self._deadline, self._hung = time.monotonic() + limit, False
        process.start()
        self._process = process
        sending.close()
        try:
            while not self._stop.is_set():
                kind, *rest = receiving.recv()
                if kind == "end":
                    return self._ended(rest[0])
                self._take(receiving, kind, rest)
        except (EOFError, OSError):
            waited = self.patience.read if self.decoded > before else limit
            return f"no frame for {waited:.0f} s, reader killed" if self._hung else "the reader died"
        finally:
            self._deadline = float("inf")
            self._process = None
            process.kill()
            process.join(5)
            with contextlib.suppress(OSError):
                receiving.close()
        return "closed"

    def _ended(self, reason: str | None) -> str | None:
        if self.source.kind == "file" and reason is None:
            return None
        return reason or "the stream ended"

    def _take(self, pipe, kind: str, rest: list) -> None:
        if kind == "packet" and self._on_packet:
            self._on_packet(rest[0])
        elif kind == "connected" and self._on_connected:
            self._on_connected()
        elif kind == "opened":
            self.opened = rest[0]
            if self._on_opened:
                self._on_opened(rest[0])
        elif kind == "frame":
            number, seconds, arrived, shape = rest
            image = np.empty(shape, np.uint8)
            pipe.recv_bytes_into(image.reshape(-1))
            self._offer(Frame(number, seconds, image, arrived))

    def _offer(self, frame: Frame) -> None:
        with self._ready:
            if self.problem is not None or self.connections == 0:
                self.connections += 1
                log.info("%s: %s, %dx%d", self.source.name, self.source.shown, *frame.image.shape[1::-1])
            self.problem = None
            self.decoded += 1
            self.dropped += self._slot is not None
            self._slot = frame
            self.seen = time.monotonic()
            self._deadline = self.seen + self.patience.read
            self._ready.notify_all()

    def _reading(self) -> reader.Reading:
        address, form, options = ffmpeg(self.source, self.patience)
        return reader.Reading(
            address=address,
            format=form,
            options=options,
            paced=self._paced or address.startswith(("http://", "https://")),
            fps=self._fps,
            open_seconds=self.patience.open,
            read_seconds=self.patience.read,
            origin=self.origin,
        )


def ffmpeg(source: Source, patience: Patience) -> tuple[str, str | None, dict[str, str]]:
    """Address, format and options as FFmpeg takes them."""
    if source.kind == "device":
        return f"/dev/video{source.address}", "v4l2", {}
    microseconds = str(round(patience.read * 1e6))
    if source.address.startswith(("rtsp://", "rtsps://")):
        # Over TCP: what UDP loses is decoded into smears, which look abnormal.
        return source.address, None, {"rtsp_transport": "tcp", "timeout": microseconds, "fflags": "nobuffer"}
    if source.address.startswith(("http://", "https://")):
        return source.address, None, {"rw_timeout": microseconds}
    return source.address, None, {}
