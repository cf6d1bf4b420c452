"""Frames out of a video file or a folder of pictures, one after the other, and whether the file is whole."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from vad.data.listing import PICTURE_SUFFIXES, pictures_in
from vad.pipeline.errors import UserError

# What FFmpeg and OpenCV print on a damaged file is replaced by our one line.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

MISSING_SECONDS = 0.5  # by which a container's promised length may exceed what decodes: many store an estimate


class Picture:
    """A frame as it comes from disk: JPEG bytes not decoded yet, or pixels."""

    def __init__(self, source: Path, jpeg: bytes | None = None, pixels: np.ndarray | None = None) -> None:
        self.source = source
        self.jpeg = jpeg
        self._pixels = pixels

    def pixels(self) -> np.ndarray:
        """(H, W, 3) BGR or (H, W) gray, uint8."""
        if self._pixels is None:
            self._pixels = _decode(self.jpeg, cv2.IMREAD_ANYCOLOR, self.source)
        return self._pixels

    def size(self) -> tuple[int, int]:
        """(width, height)."""
        height, width = self.pixels().shape[:2]
        return width, height

    def small_gray(self) -> np.ndarray:
        """(h, w) uint8 gray, at most half as large and with a short side below 240 pixels: enough to judge it."""
        if self._pixels is None and self.jpeg is not None:
            half = _decode(
                self.jpeg, cv2.IMREAD_REDUCED_GRAYSCALE_2, self.source
            )  # a JPEG decodes to 1/2 at little cost
            return _halved(half)
        gray = self._pixels if self._pixels.ndim == 2 else cv2.cvtColor(self._pixels, cv2.COLOR_BGR2GRAY)
        return _halved(cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def _halved(gray: np.ndarray) -> np.ndarray:
    while min(gray.shape) >= 240:
        gray = cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return gray


def read_clip(path: Path, stride: int = 1) -> tuple[float | None, Iterator[tuple[int, Picture | None]]]:
    """A clip's frame rate (None for a folder of pictures) and its frames: (0-based number, picture).

    Frames that ``stride`` passes over come as None, so that the iterator counts every frame of the clip.

    Raises:
        UserError: (on opening or while iterating) the file cannot be opened, or ends before its header says.
    """
    if path.is_dir():
        return None, _read_folder(path, stride)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise UserError(f"{path} cannot be opened as a video (truncated or not a video); restore the file or remove it")
    return capture.get(cv2.CAP_PROP_FPS), _read_video(capture, path, stride)


def _read_folder(folder: Path, stride: int) -> Iterator[tuple[int, Picture | None]]:
    files = pictures_in(folder)
    if not files:
        raise UserError(
            f"{folder} holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}); restore it or remove the folder"
        )
    for number, file in enumerate(files):
        yield number, None if number % stride else _read_picture(file)


def _read_picture(file: Path) -> Picture:
    data = file.read_bytes()
    if file.suffix.lower() not in {".jpg", ".jpeg"}:
        return Picture(file, pixels=_decode(data, cv2.IMREAD_ANYCOLOR, file))
    if b"\xff\xd9" not in data:  # JPEG's end marker; the decoder fills what is missing with gray and says nothing
        raise UserError(f"{file} is truncated or not a JPEG; restore the file")
    return Picture(file, jpeg=data)


def _decode(data: bytes, mode: int, file: Path) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), mode) if data else None
    if image is None:
        raise UserError(f"{file} cannot be read as a picture; restore the file")
    return image


def _read_video(capture: cv2.VideoCapture, path: Path, stride: int) -> Iterator[tuple[int, Picture | None]]:
    promised, fps = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    number, last = 0, 0.0
    while capture.grab():
        last = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if number % stride:
            yield number, None
        else:
            ok, pixels = capture.retrieve()
            if not ok:
                raise UserError(f"{path}: frame {number} cannot be decoded; restore the file or remove it")
            yield number, Picture(path, pixels=pixels)
        number += 1
    capture.release()
    _check_whole(path, number, promised, last, fps)


def _check_whole(path: Path, decoded: int, promised: float, last: float, fps: float) -> None:
    """Refuse a video that ends early.

    AVI and MP4 files state their length in bytes; every container promises a duration, which for many is an estimate,
    and which a re-cut MP4 exceeds by the frames that it hides, so there only the loss of more than half counts.
    MPEG streams and WMV promise nothing that holds: a truncated .ts, .mpg or .wmv looks like a shorter one.
    """
    boxes = path.suffix.lower() in {".mp4", ".m4v", ".mov"}
    short = promised / fps - last - 1 / fps if 0 < promised < 1e9 and fps > 0 else 0.0
    ends_early = (
        promised > 2 * decoded and promised < 1e9 if boxes else decoded < promised - 1 and short > MISSING_SECONDS
    )
    if decoded == 0 or ends_early:
        said = f"{promised:.0f}" if 0 < promised < 1e9 else "more"
        raise UserError(
            f"{path} is truncated: {decoded} frames could be read, its header promises {said}; "
            "restore the file or remove it"
        )
    if missing := _bytes_missing(path):
        raise UserError(f"{path} is truncated: it ends {missing} bytes early; restore the file or remove it")


def _bytes_missing(path: Path) -> int:
    """By how many bytes an AVI's or MP4's own structure runs past the end of the file."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(16)
        if head[:4] == b"RIFF":
            return max(0, struct.unpack("<I", head[4:8])[0] + 8 - size)
        position = 0
        while head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"moof", b"mfra", b"udta"}:
            length = struct.unpack(">I", head[:4])[0]
            length = struct.unpack(">Q", head[8:16])[0] if length == 1 else length
            position += length
            if length < 8 or position >= size:
                return max(0, position - size) if length >= 8 else 0
            file.seek(position)
            head = file.read(16)
    return 0
