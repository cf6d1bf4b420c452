"""The process that reads one live source: ``av.open`` and reads can hang for ever, and a process can be killed.

It opens the address, decodes, and sends packets and pictures through a pipe: ``(kind, ...)`` tuples, a picture's
pixels as bytes after its own. It ends when the source ends or fails, saying why, or when nobody reads any more.
"""

import contextlib
import ctypes
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import av
import numpy as np

from vad.deploy.sources.clock import Clock
from vad.deploy.sources.media import (
    Decoder,
    Opened,
    Pictures,
    Thinning,
    Undecodable,
    frame_rate,
    header,
    packet_of,
    stamp,
)


@dataclass(frozen=True)
class Reading:
    """What to read, and how.

    Attributes:
        address: as FFmpeg takes it.
        format: FFmpeg's name of the device or format; None to find out.
        options: FFmpeg's.
        paced: pictures are held back until their time has come: files played as live, HTTP streams.
        fps: pictures per second that are wanted; the others are decoded and passed over. None for all.
        open_seconds, read_seconds: after which FFmpeg is to give up by itself.
        origin: ``time.monotonic()`` at which the source's clock is 0.
    """

    address: str
    format: str | None
    options: dict[str, str]
    paced: bool
    fps: float | None
    open_seconds: float
    read_seconds: float
    origin: float


def main(pipe: Connection, what: Reading) -> None:
    """Read until the end and say how it came: ``("end", reason)``, the reason None for a file that was read whole."""
    _die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):  # they go to the whole group, and are the parent's to handle
        signal.signal(number, signal.SIG_IGN)
    av.logging.set_level(av.logging.PANIC)
    out, reason = Out(pipe), None
    try:
        timeout = (what.open_seconds, what.read_seconds)
        with av.open(what.address, format=what.format, options=what.options, timeout=timeout) as container:
            if not container.streams.video:
                reason = "it carries no video"
            else:
                _play(out, container, what)
    except Unread:
        return
    except (av.error.FFmpegError, OSError, Undecodable) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    with contextlib.suppress(Unread):
        out.send("end", reason)


class Unread(Exception):
    """Nobody reads the pipe any more."""


class Out:
    """The pipe's near end. FFmpeg's own broken connections raise the same errors as the pipe's: here they differ."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def send(self, kind: str, *rest: object, pixels: np.ndarray | None = None) -> None:
        """Send ``(kind, *rest)`` and, after it, the bytes of ``pixels``."""
        try:
            self._pipe.send((kind, *rest))
            if pixels is not None:
                self._pipe.send_bytes(pixels.reshape(-1).data)
        except OSError:
            raise Unread from None


def _play(out: Out, container: av.container.InputContainer, what: Reading) -> None:
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1  # threads over frames hold back as many frames
    clock, decoder, pictures, thinning = Clock(), Decoder(), Pictures(), Thinning(what.fps)
    number, size, joined = 0, None, False
    out.send("connected")
    for packet in container.demux(stream):
        joined |= bool(packet.is_keyframe)  # not in the middle of a group of pictures
        if not joined:
            continue
        if packet.size:
            now = time.monotonic() - what.origin
            out.send("packet", packet_of(packet, clock.place(stamp(packet), now)))
        for frame in decoder.frames(packet):
            if size != (frame.width, frame.height):
                size = (frame.width, frame.height)
                out.send("opened", Opened(frame_rate(stream), size, header(stream, packet)))
            seconds = clock.ascend(frame.time, time.monotonic() - what.origin)
            if what.paced:
                time.sleep(max(0.0, seconds + what.origin - time.monotonic()))
            if thinning.wants(seconds):
                image = pictures.of(frame)
                out.send("frame", number, seconds, time.monotonic(), image.shape, pixels=image)
            number += 1


def _die_with_parent() -> None:
    """Linux kills this process with its parent, should that be killed too hard to clean up."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
