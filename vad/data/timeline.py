"""What the packets of a video file say before any is decoded: how many frames there are, when, and what is damaged."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.logging
import numpy as np

from vad.data.containers import bytes_missing
from vad.pipeline.errors import UserError

GAP_SECONDS = 2.0  # between frames from which on a recording was interrupted,
GAP_STEPS = 10  # if the gap is so many times the usual step, too: a slow camera is no interrupted one
SAME_RATE = 0.02  # by which the stamps' mean rate may differ from the one that the container states
VARIABLE_STEPS = 1.5  # percentile 95 over percentile 5 of the steps from which on the frame rate is called variable
NOT_CODED_BYTES = 16  # an MPEG-4 picture of fewer bytes is "as before", or stands for one packed with its predecessor


@dataclass(frozen=True)
class Timeline:
    """What the packets of a video say before any is decoded.

    Attributes:
        least: frames that must come out; ``most`` of them are shown by packets of their own.
        fps: of the time stamps, or the container's where they agree; None where neither says.
        stated: the container's frame rate.
        gap: seconds from one frame to the next from which on the recording was interrupted.
        steps: (N,) seconds between frames, without gaps.
        start: index of the first packet that can be decoded.
    """

    least: int
    most: int
    fps: float | None
    stated: float | None
    gap: float
    steps: np.ndarray
    start: int

    def notes(self, wanted: float | None) -> list[str]:
        """What the user should know of the file's time, ``wanted`` being the frame rate that is taken."""
        found = []
        if len(self.steps) and (mean := float(self.steps.mean())) > 0:
            if wanted is not None and abs(wanted * mean - 1) > SAME_RATE + 1 / len(self.steps):
                found.append(f"its time stamps give {1 / mean:.4g} frames per second, {wanted:.4g} was set")
            elif self.stated and self.fps != self.stated:
                found.append(f"states {self.stated:.4g} frames per second, its time stamps {1 / mean:.4g}: these count")
            low, high = np.percentile(self.steps, [5, 95])
            if high > VARIABLE_STEPS * max(low, 1e-6):
                found.append(f"variable frame rate, {low:.3g} to {high:.3g} s from frame to frame: seconds are a mean")
        return found


def advice(path: Path) -> str:
    """The ways out of a damaged file."""
    return f"restore the file, remove it, or encode it anew and label that (ffmpeg -i {path.name} new.mp4)"


@contextmanager
def _overheard() -> Iterator[list[tuple[int, str, str]]]:
    """What FFmpeg reports as an error in the meantime: (level, who, text).

    Only while packets are read: decoders report from threads of their own, which would wait for Python's lock while
    Python waits for them.
    """
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as said:
            yield said
    finally:
        av.logging.set_level(None)


def read_timeline(container: av.container.InputContainer, stream: av.VideoStream, path: Path) -> Timeline:
    """Read all packets of ``stream``.

    Raises:
        UserError: the file ends early, or packets are lost or damaged.
    """
    with _overheard() as said:
        try:
            packets = [_Packet.of(packet, stream.codec_context.name) for packet in container.demux(stream)]
        except av.error.FFmpegError as error:
            raise UserError(f"{path} is damaged ({error.strerror}); {advice(path)}") from None
    if missing := bytes_missing(path):
        raise UserError(f"{path} is truncated: it ends {missing} bytes early; restore the file or remove it")
    packets = packets[:-1]  # the last one, which is empty, asks the decoder for what it holds back
    start = next((index for index, packet in enumerate(packets) if packet.key), 0)
    usable = [packet for packet in packets[start:] if packet.shown]
    if not usable:
        raise UserError(f"{path} is truncated: it holds no frame; restore the file or remove it")
    _refuse_damage(path, packets, usable, stream, [text for _, name, text in said if name == container.format.name])
    first = packets[start].pts
    leading = sum(first is not None and packet.pts is not None and packet.pts < first for packet in usable)
    least = len(usable) - leading - sum(packet.tiny for packet in usable)
    steps = _steps(usable, stream.time_base)
    usual = float(np.median(steps)) if len(steps) else 0.0
    gap = max(GAP_SECONDS, GAP_STEPS * usual)
    steps = steps[steps <= gap]
    stated = float(stream.guessed_rate) if stream.guessed_rate else None
    return Timeline(least, len(usable), _rate(steps, stated, stream.time_base), stated, gap, steps, start)


@dataclass(frozen=True)
class _Packet:
    """What is kept of a packet; ``shown`` if a frame comes of it, ``tiny`` if perhaps none does."""

    pts: int | None
    dts: int | None
    key: bool
    shown: bool
    tiny: bool
    damaged: bool

    @classmethod
    def of(cls, packet: av.Packet, codec: str) -> "_Packet":
        shown = packet.size > 0 and not packet.is_discard
        if shown and codec == "vp8":  # a bit of its first byte: alternate references are decoded and not shown
            shown = bool(bytes(memoryview(packet)[:1])[0] >> 4 & 1)
        tiny = codec == "mpeg4" and 0 < packet.size <= NOT_CODED_BYTES
        return cls(packet.pts, packet.dts, packet.is_keyframe, shown, tiny, packet.is_corrupt)


def _refuse_damage(
    path: Path, packets: list[_Packet], usable: list[_Packet], stream: av.VideoStream, said: list[str]
) -> None:
    """Refuse a file of which packets are lost or damaged: its demuxer says so, marks them, or indexes more."""
    marked = sum(packet.damaged for packet in usable)
    lost = len(stream.index_entries) - len(packets) if stream.container.format.name == "avi" else 0
    if said or marked or lost > 0:
        what = f"{marked} packets" if marked else f"{lost} packets lost" if lost > 0 else " ".join(said[0].split())
        raise UserError(f"{path} is damaged ({what}), so that frames would be taken for others; {advice(path)}")


def _steps(packets: list[_Packet], time_base: Fraction) -> np.ndarray:
    """Seconds between frames in the order in which they are shown; where time jumps back, another stretch begins."""
    stretches: list[list[int]] = [[]]
    before = None
    for packet in packets:
        if packet.dts is not None:
            if before is not None and packet.dts < before:
                stretches.append([])
            before = packet.dts
        if packet.pts is not None:
            stretches[-1].append(packet.pts)
    return np.concatenate([np.diff(np.sort(np.array(stretch, np.float64))) for stretch in stretches]) * float(time_base)


def _rate(steps: np.ndarray, stated: float | None, time_base: Fraction) -> float | None:
    """Frames per second: the stated ones where the stamps agree but for rounding, else the stamps' mean."""
    total = float(steps.sum())
    if total <= 0:
        return stated
    mean = len(steps) / total
    rounding = 2 * float(time_base) / total
    return stated if stated and abs(mean / stated - 1) <= SAME_RATE + rounding else mean
