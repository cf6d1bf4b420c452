"""What the packets of a video file say before any is decoded: how many frames there are, when, and what is damaged."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vad.data import loss
from vad.data.containers import bytes_missing, opened, overheard, video_stream
from vad.data.loss import Packet
from vad.pipeline.errors import UserError

GAP_SECONDS = 2.0  # between frames from which on a recording was interrupted,
GAP_STEPS = 10  # if the gap is so many times the usual step, too: a slow camera is no interrupted one
SAME_RATE = 0.02  # by which the stamps' mean rate may differ from the one that the container states
VARIABLE_STEPS = 1.5  # percentile 95 over percentile 5 of the steps from which on the frame rate is called variable
ASPECTS = (0.25, 4.0)  # widths over heights of a pixel that are believed


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


def read_timeline(path: Path) -> tuple[Timeline, float]:
    """The timeline of the video in ``path``, and the width of its pixels over their height.

    Raises:
        UserError: it is no video, ends early, or packets are lost or damaged.
    """
    with overheard() as said, opened(path) as container:
        stream = video_stream(container, path)
        try:
            packets = [Packet.of(packet, stream.codec_context.name) for packet in container.demux(stream)]
        except av.error.FFmpegError as error:
            raise UserError(f"{path} is damaged ({error.strerror}); {advice(path)}") from None
        complaints = [text for _, name, text in said if name == container.format.name]
        complaints += loss.in_container(path, stream, len(packets) - 1)
        found = _timeline(path, packets, stream, complaints)
        return found, _aspect(stream.sample_aspect_ratio)


def _timeline(path: Path, packets: list[Packet], stream: av.VideoStream, complaints: list[str]) -> Timeline:
    if missing := bytes_missing(path):
        raise UserError(f"{path} is truncated: it ends {missing} bytes early; restore the file or remove it")
    packets = packets[:-1]  # the last one, which is empty, asks the decoder for what it holds back
    start = next((index for index, packet in enumerate(packets) if packet.key), 0)
    if stream.container.format.name not in loss.MPEG_STREAMS:
        start = 0  # only those are joined while they run
    usable = [packet for packet in packets[start:] if packet.shown]
    if not usable:
        raise UserError(f"{path} is truncated: it holds no frame; restore the file or remove it")
    first = packets[start].pts
    leading = sum(first is not None and packet.pts is not None and packet.pts < first for packet in usable)
    least = len(usable) - leading - sum(packet.tiny for packet in usable)
    assert stream.time_base is not None  # the container gives every stream one
    steps = _steps(usable, stream.time_base)
    usual = float(np.median(steps)) if len(steps) else 0.0
    gap = max(GAP_SECONDS, GAP_STEPS * usual)
    steps = steps[steps <= gap]
    complaints += loss.signs(usable, steps, stream)
    if complaints:
        what = " ".join(complaints[0].split())
        raise UserError(f"{path} is damaged ({what}), so that frames would be taken for others; {advice(path)}")
    stated = float(stream.guessed_rate) if stream.guessed_rate else None
    return Timeline(least, len(usable), _rate(steps, stated, stream.time_base), stated, gap, steps, start)


def _steps(packets: list[Packet], time_base: Fraction) -> np.ndarray:
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


def _aspect(stated: Fraction | None) -> float:
    aspect = float(stated) if stated else 1.0
    return aspect if ASPECTS[0] <= aspect <= ASPECTS[1] else 1.0
