"""The structure of a Matroska or WebM file, element by element: FFmpeg passes over what is damaged without a word."""

import mmap
from collections import Counter
from pathlib import Path

EBML, SEGMENT, CLUSTER, BLOCK_GROUP = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0xA0
SIMPLE_BLOCK, BLOCK = 0xA3, 0xA1
# What may stand in a segment: seek head, info, tracks, cues, tags, chapters, attachments, void, CRC.
IN_SEGMENT = {0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469, 0xEC, 0xBF, CLUSTER}
# And in a cluster: time, position, previous size, silent tracks, encrypted block, void, CRC.
IN_CLUSTER = {0xE7, 0xA7, 0xAB, 0x5854, 0xAF, 0xEC, 0xBF, SIMPLE_BLOCK, BLOCK_GROUP}


class BrokenError(Exception):
    """Elements do not follow one another as they must."""


def blocks(path: Path) -> Counter[int | None] | None:
    """Blocks by track number; None where ``path`` is no Matroska file.

    Raises:
        BrokenError: something stands where an element must begin, or an element runs past what holds it.
    """
    if path.stat().st_size < 16:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != EBML.to_bytes(4, "big"):
            return None
        found: Counter[int | None] = Counter()
        _, at, length = _element(data, 0)
        position = at + (length or 0)
        while position < len(data):
            identity, at, length = _element(data, position)
            if identity == SEGMENT:
                _segment(data, at, len(data) if length is None else at + length, found)
                break  # recorders leave what they like behind it
            if identity in (0xEC, 0xBF) and length is not None:
                position = at + length
            else:
                raise BrokenError
        return found


def _segment(data: mmap.mmap, position: int, end: int, found: Counter[int | None]) -> None:
    while position < min(end, len(data)):
        identity, at, length = _element(data, position)
        if identity not in IN_SEGMENT or (length is not None and at + length > min(end, len(data))):
            raise BrokenError
        if identity == CLUSTER:
            position = _cluster(data, at, end if length is None else at + length, length is None, found)
        elif length is None:
            raise BrokenError
        else:
            position = at + length


def _cluster(data: mmap.mmap, position: int, end: int, live: bool, found: Counter[int | None]) -> int:
    """Count the blocks in a cluster and return where it ends; a ``live`` one ends where another element begins."""
    while position < min(end, len(data)):
        identity, at, length = _element(data, position)
        if live and identity in IN_SEGMENT and identity not in IN_CLUSTER:
            return position
        if identity not in IN_CLUSTER or length is None or at + length > min(end, len(data)):
            raise BrokenError
        if identity == BLOCK_GROUP:
            inner, at_block, _ = _element(data, at)
            if inner == BLOCK:
                found[_number(data, at_block)[0]] += 1
        elif identity == SIMPLE_BLOCK:
            found[_number(data, at)[0]] += 1
        position = at + length
    return position


def _element(data: mmap.mmap, position: int) -> tuple[int, int, int | None]:
    """(identity, position of its content, length) of the element at ``position``; no length: up to the next one."""
    first = data[position] if position < len(data) else 0
    width = 9 - first.bit_length()
    if not first or width > 4:
        raise BrokenError
    identity = int.from_bytes(data[position : position + width], "big")
    length, at = _number(data, position + width)
    return identity, at, length


def _number(data: mmap.mmap, position: int) -> tuple[int | None, int]:
    """(a number of variable width, the position after it); None for the reserved one, unknown."""
    first = data[position] if position < len(data) else 0
    if not first:
        raise BrokenError
    width = 9 - first.bit_length()
    number = int.from_bytes(data[position : position + width], "big") & ((1 << 7 * width) - 1)
    return (None if number == (1 << 7 * width) - 1 else number), position + width
