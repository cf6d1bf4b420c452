"""Opening a video file, hearing what FFmpeg says of it, and whether it is as long as its own structure says.

AVI, MP4, Matroska and WMV state the length of their parts in bytes, FLV that of its last one. A promised duration or
number of frames is no such statement: many are estimates, or those of a longer sound track. MPEG streams state nothing:
a truncated one looks like a shorter one.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av
import av.logging

from vad.data.pictures import LARGEST_PIXELS
from vad.pipeline.errors import UserError

MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"moof", b"mfra", b"udta", b"styp", b"sidx"}
EBML, SEGMENT, ASF = b"\x1aE\xdf\xa3", b"\x18S\x80g", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


@contextmanager
def overheard() -> Iterator[list[tuple[int, str, str]]]:
    """What FFmpeg reports as an error in the meantime: (level, who, text).

    Only while files are opened and packets read: decoders report from threads of their own, which would wait for
    Python's lock while Python waits for them.
    """
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as said:
            yield said
    finally:
        av.logging.set_level(None)


def opened(path: Path) -> av.container.InputContainer:
    """``path`` as a container of videos; UserError where it is none."""
    try:
        return av.open(str(path))
    except (av.error.FFmpegError, ValueError):
        raise UserError(
            f"{path} cannot be opened as a video (truncated or not a video); restore the file or remove it"
        ) from None


def video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The first video that is no cover picture."""
    covers = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not streams or streams[0].codec_context is None or not streams[0].codec_context.width:
        raise UserError(f"{path} cannot be opened as a video (it holds none that can be decoded); remove the file")
    width, height = streams[0].codec_context.width, streams[0].codec_context.height
    if width * height > LARGEST_PIXELS:
        raise UserError(f"{path} is {width} x {height}, more than {LARGEST_PIXELS:,} pixels; reduce it")
    return streams[0]


def bytes_missing(path: Path) -> int:
    """By how many bytes, at least, the structure of ``path`` runs past its end; 0 where it does not or is not known."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        if head[:4] == b"RIFF" and len(head) >= 8:
            return max(0, struct.unpack("<I", head[4:8])[0] + 8 - size)
        if head[:4] == EBML:
            return _matroska(file, size)
        if head[:3] == b"FLV":
            return _flv(file, size)
        if head == ASF:
            return _asf(file, size)
        return _mp4(file, head, size)


def _mp4(file: BinaryIO, head: bytes, size: int) -> int:
    position = 0
    while len(head) >= 8 and head[4:8] in MP4_BOXES:
        length = struct.unpack(">I", head[:4])[0]
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:16])[0]
        position += length
        if length < 8 or position >= size:  # 0: up to the end of the file
            return max(0, position - size) if length >= 8 else 0
        file.seek(position)
        head = file.read(16)
    return 0


def _matroska(file: BinaryIO, size: int) -> int:
    """The header, then one segment, each an identity and a length; a live recording leaves the length open."""
    position = 0
    for _ in range(8):
        file.seek(position)
        head = file.read(12)
        if len(head) < 5 or not head[4]:
            return 0
        width = 9 - head[4].bit_length()
        number = int.from_bytes(head[4 : 4 + width], "big") & ((1 << 7 * width) - 1)
        if number == (1 << 7 * width) - 1 or len(head) < 4 + width:
            return 0
        position += 4 + width + number
        if head[:4] == SEGMENT or position >= size:
            return max(0, position - size)
    return 0


def _flv(file: BinaryIO, size: int) -> int:
    """Each tag is followed by its length: 1 where what ends the file is not the length of a whole tag."""
    if size < 24:
        return 1
    file.seek(size - 4)
    length = struct.unpack(">I", file.read(4))[0]
    if not 11 <= length <= size - 13:
        return 1
    file.seek(size - 4 - length)
    head = file.read(4)
    return int(head[0] & 0x1F not in {8, 9, 18} or int.from_bytes(head[1:], "big") != length - 11)


def _asf(file: BinaryIO, size: int) -> int:
    file.seek(0)
    header = file.read(1 << 16)
    at = header.find(ASF_FILE_PROPERTIES)
    if at < 0 or len(header) < at + 92:
        return 0
    broadcast = struct.unpack("<I", header[at + 88 : at + 92])[0] & 1  # while recording live, the size is not known
    return 0 if broadcast else max(0, struct.unpack("<Q", header[at + 40 : at + 48])[0] - size)
