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
from av.video.reformatter import VideoReformatter

from vad.data.containers import opened, video_stream
from vad.data.pictures import Picture
from vad.data.timeline import VARIABLE_STEPS, advice, read_timeline
from vad.pipeline.errors import UserError

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
        self.timeline, self.aspect = read_timeline(path)

    def frames(self) -> Iterator[Picture]:
        """Every frame, in order; those that are interlaced are deinterlaced.

        Raises:
            UserError: a frame cannot be decoded.
        """
        decoded, interlaced, regular, before = 0, False, True, None
        usual = float(np.median(self.timeline.steps)) if len(self.timeline.steps) else 0.0
        with opened(self.path) as container:
            stream = video_stream(container, self.path)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = max(1, cv2.getNumThreads())
            progressive, picture = _Progressive(stream), _Pictures(self.path, self.aspect)
            for frame in self._decoded(container, stream):
                interlaced |= frame.interlaced_frame
                pts, base = frame.pts, frame.time_base
                seconds = None if pts is None or base is None else float(pts * base)
                regular &= seconds is not None and (before is None or seconds - before < VARIABLE_STEPS * usual)
                before = seconds
                for shown, when, damaged in progressive.push(frame, seconds):
                    yield picture.of(shown, when, damaged)
                    decoded += 1
            for shown, when, damaged in progressive.rest():
                yield picture.of(shown, when, damaged)
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


class _Progressive:
    """Frames pass as they are up to the first interlaced one; from there on through FFmpeg's bwdif.

    It makes of both fields of an interlaced frame one picture of the first one's time and leaves the others alone.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self._stream = stream
        self._graph: av.filter.Graph | None = None
        self._inside: deque[tuple[float | None, bool]] = deque()

    def push(self, frame: av.VideoFrame, seconds: float | None) -> Iterator[tuple[av.VideoFrame, float | None, bool]]:
        """(frame, seconds, damaged) of each frame that is ready now."""
        if self._graph is None and not frame.interlaced_frame:
            yield frame, seconds, frame.is_corrupt
            return
        if self._graph is None:
            assert self._stream.time_base is not None
            self._graph = _bwdif(frame, self._stream.time_base)
        self._inside.append((seconds, frame.is_corrupt))
        self._graph.push(frame)
        yield from self._pull(self._graph)

    def rest(self) -> Iterator[tuple[av.VideoFrame, float | None, bool]]:
        """What the filter held back."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull(self._graph)

    def _pull(self, graph: av.filter.Graph) -> Iterator[tuple[av.VideoFrame, float | None, bool]]:
        while self._inside:
            try:
                frame = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, av.VideoFrame)
            yield frame, *self._inside.popleft()


def _bwdif(frame: av.VideoFrame, time_base: Fraction) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph


class _Pictures:
    """Frames as pictures, by one converter: to make one for each frame takes as long as to convert it."""

    def __init__(self, path: Path, aspect: float) -> None:
        self._path = path
        self._aspect = aspect
        self._converter = VideoReformatter()

    def of(self, frame: av.VideoFrame, seconds: float | None, damaged: bool) -> Picture:
        turns = round(frame.rotation / 90) % 4  # counter-clockwise, as phones and cameras under a ceiling ask for

        def load() -> np.ndarray:
            converted = self._converter.reformat(frame, format="bgr24", interpolation="BICUBIC", threads=1)
            pixels = converted.to_ndarray()
            return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels

        aspect = 1 / self._aspect if turns % 2 else self._aspect
        return Picture(self._path, load=load, seconds=seconds, aspect=aspect, damaged=damaged)
