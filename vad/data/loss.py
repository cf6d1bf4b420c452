"""Signs that frames of a video were lost on the way, although every packet that is left may be whole."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from vad.data import matroska

NOT_CODED_BYTES = 16  # an MPEG-4 picture of fewer bytes is "as before", or stands for one packed with its predecessor
MPEG_STREAMS = {"mpegts", "mpeg"}  # where what is lost leaves no trace but a gap in time
REGULAR_SHARE = 0.8  # of the steps are the usual one: then a step of twice or more is a loss, not a variable rate
SAME_STEP = 0.1
_MPEG2 = re.compile(rb"\x00\x00\x01(?:(\xb8)|\x00(..))", re.DOTALL)  # a group's header; a picture's, and its number


@dataclass(frozen=True)
class Packet:
    """What is kept of a packet.

    Attributes:
        shown: a frame comes of it; tiny: perhaps none does; damaged: the demuxer says so.
        numbers: of MPEG-1 and -2, the pictures' numbers in their group; -1 where a group begins.
    """

    pts: int | None
    dts: int | None
    key: bool
    shown: bool
    tiny: bool
    damaged: bool
    numbers: tuple[int, ...] = ()

    @classmethod
    def of(cls, packet: av.Packet, codec: str) -> "Packet":
        shown = packet.size > 0 and not packet.is_discard
        if shown and codec == "vp8":  # a bit of its first byte: alternate references are decoded and not shown
            shown = bool(bytes(memoryview(packet)[:1])[0] >> 4 & 1)
        tiny = codec == "mpeg4" and 0 < packet.size <= NOT_CODED_BYTES
        numbers = _mpeg2_numbers(bytes(packet)) if codec in {"mpeg1video", "mpeg2video"} else ()
        return cls(packet.pts, packet.dts, packet.is_keyframe, shown, tiny, packet.is_corrupt, numbers)


def _mpeg2_numbers(data: bytes) -> tuple[int, ...]:
    found = _MPEG2.finditer(data)
    return tuple(-1 if match[1] else int.from_bytes(match[2], "big") >> 6 for match in found)


def in_container(path: Path, stream: av.VideoStream, packets: int) -> list[str]:
    """What shows in the container's own index or structure that some of ``packets`` packets are missing, in words."""
    expected = 0
    if stream.container.format.name == "avi":
        expected = len(stream.index_entries)
    elif stream.container.format.name == "matroska,webm":
        try:
            expected = (matroska.blocks(path) or {}).get(stream.id, 0)
        except matroska.BrokenError:
            return ["its structure is broken"]
    return [f"{expected - packets} packets lost"] if expected > packets else []


def signs(packets: Sequence[Packet], steps: np.ndarray, stream: av.VideoStream) -> list[str]:
    """What shows that frames are missing, in words; nothing for a whole file.

    Args:
        packets: those that frames come of. steps: seconds between frames, without interruptions.
    """
    found = []
    if marked := sum(packet.damaged for packet in packets):
        found.append(f"{marked} packets")
    if lost := _missing_numbers([number for packet in packets for number in packet.numbers]):
        found.append(f"{lost} pictures lost")
    if stream.container.format.name in MPEG_STREAMS and len(steps):
        usual = float(np.median(steps))
        regular = np.abs(steps - usual) < SAME_STEP * usual
        if regular.mean() >= REGULAR_SHARE and (skips := int((steps > (2 - SAME_STEP) * usual).sum())):
            found.append(f"its time stamps skip frames at {skips} places")
    return found


def _missing_numbers(numbers: Sequence[int]) -> int:
    """How many pictures the groups of an MPEG-1 or -2 stream lack; its first and last group may be cut."""
    if -1 not in numbers:
        return 0
    groups: list[list[int]] = [[]]
    for number in numbers:
        if number == -1 or (number in groups[-1] and number != groups[-1][-1]):  # two fields have the same number
            groups.append([])
        if number != -1:
            groups[-1].append(number)
    groups = [group for group in groups if group]
    inner = sum(max(group) + 1 - len(set(group)) for group in groups[1:-1])
    return inner + sum(max(group) - min(group) + 1 - len(set(group)) for group in groups[:1] if len(groups) > 1)
