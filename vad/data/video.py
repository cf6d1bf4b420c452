"""Video files as cameras write them: every frame once, in order, with its time; a damaged file is refused.

A frame's number is its place in the file. So that labels fall on the frames they were written for, the packets of the
file are counted before they are decoded, and a file that gives fewer frames than it holds is refused: what a decoder
leaves out would shift all that follow. Seconds come from time stamps. FFmpeg, by way of PyAV, reads and decodes.
"""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import cv2
import numpy as np

from vad.data.pictures import LARGEST_PIXELS, Picture
from vad.data.timeline import VARIABLE_STEPS, advice, read_timeline
from vad.pipeline.errors import UserError

ASPECTS = (0.25, 4.0)  # widths over heights of a pixel that are believed
FIELD_CODECS = {"h264", "hevc", "mpeg2video", "vc1"}  # whose packets may be fields, two to a frame


class Video:
    """One video file, checked for its length and packets when it is opened.

    Attributes:
        timeline: see :class:`vad.data.timeline.Timeline`.
        aspect: width of a pixel over its height.

    Raises:
        UserError: it is no video, ends early or holds damaged packets.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _opened(path) as container:
            stream = _stream(container, path)
            self.aspect = _aspect(stream.sample_aspect_ratio)
            self.timeline = read_timeline(container, stream, path)

    def frames(self) -> Iterator[Picture]:
        """Every frame, in order; those that are interlaced are deinterlaced.

        Raises:
            UserError: a frame cannot be decoded.
        """
        decoded, interlaced, regular, before = 0, False, True, None
        usual = float(np.median(self.timeline.steps)) if len(self.timeline.steps) else 0.0
        with _opened(self.path) as container:
            stream = _stream(container, self.path)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = max(1, cv2.getNumThreads())
            progressive = _Progressive(stream)
            for frame in self._decoded(container, stream):
                interlaced |= frame.interlaced_frame
                seconds = None if frame.pts is None else float(frame.pts * frame.time_base)
                regular &= seconds is not None and (before is None or seconds - before < VARIABLE_STEPS * usual)
                before = seconds
                for shown, when in progressive.push(frame, seconds):
                    yield _picture(self.path, shown, when, self.aspect)
                    decoded += 1
            for shown, when in progressive.rest():
                yield _picture(self.path, shown, when, self.aspect)
                decoded += 1
            fields = interlaced and regular and stream.codec_context.name in FIELD_CODECS
        if decoded < self.timeline.least and not fields:
            self._refuse(decoded)

    def _decoded(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        number = 0
        for index, packet in enumerate(container.demux(stream)):
            if index < self.timeline.start:
                continue
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self._refuse(number)
            for frame in frames:
                yield frame
                number += 1

    def _refuse(self, decoded: int) -> None:
        raise UserError(
            f"{self.path} is damaged: of its {self.timeline.most} frames one near number {decoded} cannot be decoded, "
            f"and all that follow would be taken for others; {advice(self.path)}"
        )


def _opened(path: Path) -> av.container.InputContainer:
    try:
        return av.open(str(path))
    except (av.error.FFmpegError, ValueError):
        raise UserError(
            f"{path} cannot be opened as a video (truncated or not a video); restore the file or remove it"
        ) from None


def _stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The first video that is no cover picture."""
    covers = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not streams or streams[0].codec_context is None or not streams[0].codec_context.width:
        raise UserError(f"{path} cannot be opened as a video (it holds none that can be decoded); remove the file")
    width, height = streams[0].codec_context.width, streams[0].codec_context.height
    if width * height > LARGEST_PIXELS:
        raise UserError(f"{path} is {width} x {height}, more than {LARGEST_PIXELS:,} pixels; reduce it")
    return streams[0]


def _aspect(stated: Fraction | None) -> float:
    aspect = float(stated) if stated else 1.0
    return aspect if ASPECTS[0] <= aspect <= ASPECTS[1] else 1.0


class _Progressive:
    """Frames pass as they are up to the first interlaced one; from there on through FFmpeg's bwdif.

    It makes of both fields of an interlaced frame one picture of the first one's time and leaves the others alone.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self._stream = stream
        self._graph: av.filter.Graph | None = None
        self._times: deque[float | None] = deque()

    def push(self, frame: av.VideoFrame, seconds: float | None) -> Iterator[tuple[av.VideoFrame, float | None]]:
        if self._graph is None and not frame.interlaced_frame:
            yield frame, seconds
            return
        if self._graph is None:
            self._graph = _bwdif(frame, self._stream.time_base)
        self._times.append(seconds)
        self._graph.push(frame)
        yield from self._pull()

    def rest(self) -> Iterator[tuple[av.VideoFrame, float | None]]:
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()

    def _pull(self) -> Iterator[tuple[av.VideoFrame, float | None]]:
        while self._times:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield frame, self._times.popleft()


def _bwdif(frame: av.VideoFrame, time_base: Fraction) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph


def _picture(path: Path, frame: av.VideoFrame, seconds: float | None, aspect: float) -> Picture:
    turns = round(frame.rotation / 90) % 4  # counter-clockwise, as phones and cameras under a ceiling ask for

    def load() -> np.ndarray:
        pixels = frame.to_ndarray(format="bgr24", interpolation="BICUBIC")
        return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels

    return Picture(path, load=load, seconds=seconds, aspect=1 / aspect if turns % 2 else aspect)
