"""Frames out of files and folders of pictures, as fast as they are asked for, and none is left out."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from vad.data.listing import pictures_in
from vad.deploy.sources.address import Source
from vad.deploy.sources.clock import BACK, TICK
from vad.deploy.sources.media import (
    USUAL_FPS,
    Decoder,
    Frame,
    Opened,
    Packet,
    Pictures,
    Thinning,
    Undecodable,
    frame_rate,
    header,
    packet_of,
    stamp,
)
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)


def read(source: Source, fps: float | None = None) -> Iterator[Opened | Packet | Frame]:
    """All of a file or folder: what it says of itself, then its packets and frames as they come.

    Args:
        fps: for a file the frames per second that are wanted, None for all; for a folder of pictures their rate.

    Raises:
        UserError: it cannot be opened, or holds no frame.
    """
    if source.kind == "pictures":
        return _pictures(Path(source.address), fps or USUAL_FPS)
    return _video(source.address, fps)


def count(source: Source) -> int | None:
    """How many frames it promises to hold; None where it does not say."""
    if source.kind == "pictures":
        return len(pictures_in(Path(source.address)))
    with _opened(source.address) as container:
        stream = container.streams.video[0]
        if stream.frames:
            return stream.frames
        return round(container.duration / 1e6 * frame_rate(stream)) if container.duration else None


def rate(source: Source, fps: float | None = None) -> float:
    """Frames per second at which it is looked at, where ``fps`` are wanted; see :func:`read`."""
    if source.kind == "pictures":
        return fps or USUAL_FPS
    with _opened(source.address) as container:
        own = frame_rate(container.streams.video[0])
    return min(fps or own, own)


def pairs(source: Source, most: int, fps: float | None = None) -> Iterator[np.ndarray]:
    """Up to ``most`` pairs of consecutive frames, evenly over the source: (H, W, 3) uint8 RGB, one after the other.

    Of a video they begin at key frames, so that little is decoded; with ``fps`` they are that far apart.
    """
    if source.kind == "pictures":
        paths = pictures_in(Path(source.address))
        starts = np.unique(np.linspace(0, max(0, len(paths) - 2), most).astype(int))
        for place in sorted({int(number) for start in starts for number in (start, start + 1)}):
            yield _picture(paths[place])
        return
    total, pictures = count(source) or 0, Pictures()
    with _opened(source.address) as container:
        stream = container.streams.video[0]
        own = frame_rate(stream)
        apart = max(1, round(own / min(fps or own, own)))
        every, seen = max(apart + 1, total // most), 0
        keys = _key_frames(container, stream)
        if len(keys) >= most:
            for start in keys[:: len(keys) // most][:most]:
                container.seek(start, stream=stream)
                yield from map(pictures.of, _two(container, stream, apart))
            return
        container.seek(stream.start_time or 0, stream=stream)
        for number, frame in enumerate(container.decode(stream)):
            if number % every in (0, apart) and seen < 2 * most:
                seen += 1
                yield pictures.of(frame)


def _key_frames(container: av.container.InputContainer, stream: av.VideoStream) -> list[int]:
    """Time stamps of the key frames that have one, without decoding."""
    return [packet.pts for packet in container.demux(stream) if packet.is_keyframe and packet.pts is not None]


def _two(container: av.container.InputContainer, stream: av.VideoStream, apart: int) -> list[av.VideoFrame]:
    """The next frame and the one ``apart`` after it, or what there is of them."""
    found = []
    for number, frame in enumerate(container.decode(stream)):
        if number in (0, apart):
            found.append(frame)
        if number == apart:
            break
    return found if len(found) == 2 else []


def _opened(path: str) -> av.container.InputContainer:
    av.logging.set_level(av.logging.PANIC)
    try:
        container = av.open(path)
    except (av.error.FFmpegError, OSError, ValueError):
        raise UserError(
            f"{path} cannot be opened as a video (truncated or not a video); restore the file or leave it out"
        ) from None
    if not container.streams.video:
        container.close()
        raise UserError(f"{path} carries no video; leave it out")
    return container


def _video(path: str, fps: float | None) -> Iterator[Opened | Packet | Frame]:
    decoder, pictures, thinning = Decoder(), Pictures(), Thinning(fps)
    number, last, size = 0, float("-inf"), None
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = frame_rate(stream)
        start = float(stream.start_time * (stream.time_base or 1)) if stream.start_time is not None else 0.0
        try:
            for packet in container.demux(stream):
                if packet.size:
                    at = stamp(packet)
                    yield packet_of(packet, number / rate if at is None else at - start)
                for frame in decoder.frames(packet):
                    if size != (frame.width, frame.height):
                        size = (frame.width, frame.height)
                        yield Opened(rate, size, header(stream, packet))
                    own = number / rate if frame.time is None else frame.time - start
                    if own < last - BACK:  # its time stamps begin again: files that were joined
                        start -= last + 1 / rate - own
                        own = last + 1 / rate
                    last = max(own, last + TICK)
                    if thinning.wants(last):
                        yield Frame(number, last, pictures.of(frame), time.monotonic())
                    number += 1
        except (av.error.FFmpegError, Undecodable, OSError) as error:
            log.warning("%s: reading ended after frame %d: %s", path, number, error)
    if number == 0:
        raise UserError(f"{path}: no frame could be decoded; restore the file or leave it out")
    if decoder.damaged:
        log.warning("%s: %d damaged packets were passed over", path, decoder.damaged)


def _pictures(folder: Path, fps: float) -> Iterator[Opened | Frame]:
    size = None
    for number, file in enumerate(pictures_in(folder)):
        image = _picture(file)
        if size != image.shape[1::-1]:
            size = image.shape[1::-1]
            yield Opened(fps, size, None)
        yield Frame(number, number / fps, image, time.monotonic())


def _picture(file: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError(f"{file} cannot be read as a picture; restore the file or remove it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
