"""What a source gives: pictures to look at, and the packets that they were coded in, to keep.

Everything is placed on one clock of seconds per source, so that an alarm's time finds both.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import VideoReformatter

USUAL_FPS = 25.0
MOST_DAMAGED = 250  # packets in a row that do not decode, before a source is given up


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    Attributes:
        number: 0-based, of the pictures that were decoded, those passed over included.
        seconds: on the source's clock, strictly ascending.
        image: (H, W, 3) uint8 RGB.
        arrived: ``time.monotonic()`` when it had been decoded.
    """

    number: int
    seconds: float
    image: np.ndarray
    arrived: float


@dataclass(frozen=True, slots=True)
class Packet:
    """A coded piece of the video as it came; ``seconds`` is its presentation time on the source's clock.

    ``pts``, ``dts`` and ``duration`` count in ``base``, and are those of one connection.
    """

    seconds: float
    data: bytes
    key: bool
    pts: int
    dts: int
    duration: int
    base: Fraction


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection was made: what the source says of its video.

    Attributes:
        fps: frames per second; ``USUAL_FPS`` where the source does not know.
        size: (width, height) of the first picture.
        header: a Matroska file of one packet, from which the coding of all packets can be copied; None for pictures.
    """

    fps: float
    size: tuple[int, int]
    header: bytes | None


def frame_rate(stream: av.VideoStream) -> float:
    """What ``stream`` says of its frames per second; ``USUAL_FPS`` where that cannot be (RTP's clock of 90 kHz)."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0.1 <= float(rate) <= 240:
            return float(rate)
    return USUAL_FPS


def header(stream: av.VideoStream, packet: av.Packet) -> bytes:
    """A Matroska file of this one packet: codec, size and extradata of ``stream`` as bytes that another process reads.

    Empty where Matroska cannot hold the coding.
    """
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="matroska") as container:
            container.mux(detached(packet_of(packet, 0.0), container.add_stream_from_template(stream)))
    except (av.error.FFmpegError, ValueError):
        return b""
    return file.getvalue()


def packet_of(packet: av.Packet, seconds: float) -> Packet:
    """``packet`` by value; a missing time stamp is taken from the other one, or is 0."""
    dts = packet.dts if packet.dts is not None else packet.pts or 0
    pts = packet.pts if packet.pts is not None else dts
    return Packet(
        seconds, bytes(packet), bool(packet.is_keyframe), pts, dts, packet.duration or 0, Fraction(packet.time_base)
    )


def detached(packet: Packet, stream: av.VideoStream, shift: int = 0) -> av.Packet:
    """``packet`` to be muxed into ``stream``, its time stamps earlier by ``shift``."""
    result = av.Packet(packet.data)
    result.pts, result.dts, result.time_base = packet.pts - shift, packet.dts - shift, packet.base
    result.duration, result.is_keyframe, result.stream = packet.duration, packet.key, stream
    return result


def stamp(packet: av.Packet) -> float | None:
    """The packet's own presentation time in seconds; None where it carries none."""
    own = packet.pts if packet.pts is not None else packet.dts
    return None if own is None else float(own * packet.time_base)


class Undecodable(Exception):
    """What comes is no video that the decoder knows."""


class Decoder:
    """Decodes packets; a damaged one is passed over and counted.

    Attributes:
        damaged: packets so far.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._in_a_row = 0

    def frames(self, packet: av.Packet) -> Iterator[av.VideoFrame]:
        """The frames that ``packet`` completes.

        Raises:
            Undecodable: nothing has decoded for long.
        """
        try:
            decoded = packet.decode()
        except av.error.InvalidDataError:
            self.damaged += 1
            self._in_a_row += 1
            if self._in_a_row > MOST_DAMAGED:
                raise Undecodable(f"{MOST_DAMAGED} packets in a row could not be decoded") from None
            return
        self._in_a_row = 0
        yield from decoded


class Pictures:
    """Decoded frames as pictures, converted as the frame store converts them and turned as their stream asks for."""

    def __init__(self) -> None:
        self._converter = VideoReformatter()

    def of(self, frame: av.VideoFrame) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        converted = self._converter.reformat(frame, format="rgb24", interpolation="BICUBIC", threads=1)
        turns = round(frame.rotation / 90) % 4  # counter-clockwise
        image = converted.to_ndarray()
        return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


class Thinning:
    """Picks ``fps`` frames of every second, evenly; all of them where ``fps`` is None."""

    def __init__(self, fps: float | None) -> None:
        self._step = 1 / fps if fps else 0.0
        self._due = float("-inf")

    def wants(self, seconds: float) -> bool:
        """Whether the frame at ``seconds`` (ascending) is one of them."""
        if seconds < self._due - 1e-6:
            return False
        self._due += self._step
        if self._due <= seconds:
            self._due = seconds + self._step
        return True
