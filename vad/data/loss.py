"""Signs that frames of a video were lost on the way, although every packet that is left may be whole."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from vad.data import matroska

NOT_CODED_BYTES = 16  # an MPEG-4 picture of fewer bytes is "as before", or stands for one packed with its predecessor
MPEG_STREAMS = {"mpegts", "mpeg"}  # where what is lost leaves no trace but a gap in time
REGULAR_SHARE = 0.8  # of the steps are the usual one: then a step of twice or more is a loss, not a variable rate
SAME_STEP = 0.1
# A group's header and its time; a picture's header and its number.
_MPEG2 = re.compile(rb"\x00\x00\x01(?:\xb8(....)|\x00(..))", re.DOTALL)
_GROUP = -1  # stands for a group without a time; one of n seconds and k pictures is _GROUP - 1 - (n * 64 + k)


@dataclass(frozen=True)
class Packet:
    """What is kept of a packet.

    Attributes:
        shown: a frame comes of it; tiny: perhaps none does; damaged: the demuxer says so.
        numbers: of MPEG-1 and -2, the pictures' numbers in their group; where one begins, its time as a negative one.
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
    return tuple(
        _GROUP - 1 - _time_code(match[1]) if match[1] else int.from_bytes(match[2], "big") >> 6
        for match in _MPEG2.finditer(data)
    )


def _time_code(header: bytes) -> int:
    """Seconds x 64 + pictures, of a group's header: drop-frame flag, 5 bits of hours, 6 minutes, 1, 6 seconds, 6."""
    bits = int.from_bytes(header, "big") >> 7
    hours, minutes, seconds, pictures = bits >> 19 & 31, bits >> 13 & 63, bits >> 6 & 63, bits & 63
    return (hours * 3600 + minutes * 60 + seconds) * 64 + pictures


def in_container(path: Path, stream: av.VideoStream, packets: int) -> list[str]:
    """What shows in the container's own index or structure that some of ``packets`` packets are missing, in words."""
    expected = 0
    if stream.container.format.name == "avi":
        expected = len(stream.index_entries)
    elif stream.container.format.name == "matroska,webm":
        try:
            blocks = matroska.blocks(path)
            expected = 0 if blocks is None else blocks.get(stream.id, 0)
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
    groups = _groups([number for packet in packets for number in packet.numbers])
    if lost := _missing_numbers(groups) or _missing_time(groups, round(stream.guessed_rate or 0)):
        found.append(f"{lost} pictures lost")
    if stream.container.format.name in MPEG_STREAMS and len(steps):
        usual = float(np.median(steps))
        regular = np.abs(steps - usual) < SAME_STEP * usual
        if regular.mean() >= REGULAR_SHARE and (skips := int((steps > (2 - SAME_STEP) * usual).sum())):
            found.append(f"its time stamps skip frames at {skips} places")
    return found


def _groups(numbers: Sequence[int]) -> list[tuple[int | None, list[int]]]:
    """(time code, numbers of the pictures) of each group of an MPEG-1 or -2 stream; none where it has no groups."""
    groups: list[tuple[int | None, list[int]]] = [(None, [])]
    if all(number >= 0 for number in numbers):
        return []
    for number in numbers:
        last = groups[-1][1]
        if number < 0:
            groups.append((_GROUP - 1 - number, []))
        elif number in last and number != last[-1]:  # two fields have the same number
            groups.append((None, [number]))
        else:
            last.append(number)
    return [group for group in groups if group[1]]


def _missing_numbers(groups: Sequence[tuple[int | None, list[int]]]) -> int:
    """How many pictures the groups lack before their last ones; the first and the last group may be cut."""
    lost = 0
    for place, (_, own) in enumerate(groups):
        first = min(own) if place == 0 else 0
        missing = set(range(first, max(own))) - set(own)
        if place == len(groups) - 1:  # where a stream is cut, what precedes its last picture in time came after it
            end = max(own) - 1
            while end in missing:
                missing.remove(end)
                end -= 1
        lost += len(missing)
    return lost


def _missing_time(groups: Sequence[tuple[int | None, list[int]]], rate: int) -> int:
    """How many pictures are missing between the groups' times, if these count pictures at all."""
    excess = [
        _pictures(end, rate) - _pictures(start, rate) - len(set(held))
        for (start, held), (end, _) in pairwise(groups)
        if start is not None and end is not None
    ]
    counting = excess.count(0) >= REGULAR_SHARE / 2 * max(len(excess), 1)
    return sum(lost for lost in excess if 0 < lost < 10 * rate) if counting else 0


def _pictures(time_code: int, rate: int) -> int:
    return (time_code >> 6) * rate + (time_code & 63)
