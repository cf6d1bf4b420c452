"""Picture files: their order and numbers, their size before they are decoded, and whether they are whole."""

import io
import re
import struct
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from vad.data.listing import PICTURE_SUFFIXES, pictures_in
from vad.pipeline.errors import UserError

LARGEST_PIXELS = 100_000_000  # of a picture: three times 8K video, 300 MB in memory
JPEG_SUFFIXES = {".jpg", ".jpeg"}
_DENSE = 0.5  # share of the numbers, or of equal steps between them, from which the others are gaps


class Picture:
    """A frame as it comes from disk: JPEG bytes not decoded yet, pixels, or a way to them.

    Attributes:
        source: the file, for messages.
        jpeg: the file's bytes where it is a JPEG.
        seconds: its time stamp; None where it has none.
        aspect: width of a pixel over its height.
        damaged: whether the decoder had to make up a part of it.
    """

    def __init__(
        self,
        source: Path,
        jpeg: bytes | None = None,
        load: Callable[[], np.ndarray] | None = None,
        seconds: float | None = None,
        aspect: float = 1.0,
        damaged: bool = False,
    ) -> None:
        self.source = source
        self.jpeg = jpeg
        self.seconds = seconds
        self.aspect = aspect
        self.damaged = damaged
        self._load = load
        self._pixels: np.ndarray | None = None

    def pixels(self) -> np.ndarray:
        """(H, W, 3) BGR or (H, W) gray, uint8."""
        if self._pixels is None:
            self._pixels = self._decoded() if self._load is None else self._load()
        return self._pixels

    def _decoded(self) -> np.ndarray:
        assert self.jpeg is not None, f"{self.source}: neither bytes nor a way to the pixels"
        return decode(self.jpeg, cv2.IMREAD_ANYCOLOR, self.source)

    def size(self) -> tuple[int, int]:
        """(width, height)."""
        height, width = self.pixels().shape[:2]
        return width, height

    def small_gray(self) -> np.ndarray:
        """(h, w) uint8 gray, at most half as large and with a short side below 240 pixels: enough to judge it."""
        if self._pixels is None and self.jpeg is not None:
            # a JPEG decodes to 1/2 at little cost
            return _halved(decode(self.jpeg, cv2.IMREAD_REDUCED_GRAYSCALE_2, self.source))
        pixels = self.pixels()
        gray = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
        return _halved(cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def _halved(gray: np.ndarray) -> np.ndarray:
    while min(gray.shape) >= 240:
        gray = cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return gray


def read_picture(file: Path) -> Picture:
    """The frame in ``file``.

    Raises:
        UserError: it is truncated, larger than ``LARGEST_PIXELS`` or no picture.
    """
    data = file.read_bytes()
    if file.suffix.lower() in JPEG_SUFFIXES and not _whole_jpeg(data):
        raise UserError(f"{file} is truncated or not a JPEG; restore the file")
    _check_size(data, file)
    if file.suffix.lower() in JPEG_SUFFIXES:
        return Picture(file, jpeg=data)
    return Picture(file, load=lambda: decode(data, cv2.IMREAD_ANYCOLOR, file))


def read_mask(file: Path) -> np.ndarray:
    """(H, W) bool, where the picture in ``file`` is not black."""
    data = file.read_bytes()
    _check_size(data, file)
    return decode(data, cv2.IMREAD_GRAYSCALE, file) > 0


def decode(data: bytes, mode: int, file: Path) -> np.ndarray:
    """The picture in ``data``, in OpenCV's ``mode``; ``file`` is named where it is none."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), mode) if data else None
    except cv2.error:
        image = None
    if image is None:
        raise UserError(f"{file} cannot be read as a picture; restore the file")
    return image


def _check_size(data: bytes, file: Path) -> None:
    """Refuse a picture by its header; decoding one of 30,000 x 30,000 pixels would take gigabytes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of much that is odd and harmless
            width, height = Image.open(io.BytesIO(data)).size
    except Image.DecompressionBombError:
        raise UserError(f"{file} has more than {LARGEST_PIXELS:,} pixels; reduce it") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, struct.error, OverflowError):
        raise UserError(f"{file} cannot be read as a picture; restore the file") from None
    if width * height > LARGEST_PIXELS:
        raise UserError(f"{file} is {width} x {height}, more than {LARGEST_PIXELS:,} pixels; reduce it")


def _whole_jpeg(data: bytes) -> bool:
    """Whether the end marker follows the picture's own data: the decoder fills what is missing with gray."""
    if data[:2] != b"\xff\xd8":
        return False
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == 0xDA:  # start of scan: what came before may hold a thumbnail with an end marker of its own
            return data.find(b"\xff\xd9", position) >= 0
        position += 2 + struct.unpack(">H", data[position + 2 : position + 4])[0]
    return False


def frame_files(folder: Path) -> list[Path]:
    """The pictures of a clip, in frame order.

    Raises:
        UserError: there are none, or their numbers show that one is missing or there twice: all that follow would be
            taken for other frames.
    """
    files = pictures_in(folder)
    if not files:
        raise UserError(
            f"{folder} holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}); restore it or remove the folder"
        )
    numbers = _numbers(files)
    if numbers is None or len(files) < 2:
        return files
    steps = np.diff(numbers)
    if not steps.all():
        at = int(np.argmin(steps != 0))
        raise UserError(
            f"{folder} has frame {numbers[at]} twice: {files[at].name} and {files[at + 1].name}; remove one"
        )
    if (steps == steps[0]).all():
        return files
    usual, times = min(Counter(steps.tolist()).items(), key=lambda item: (-item[1], item[0]))
    nearly_all = len(files) >= _DENSE * (numbers[-1] - numbers[0] + 1)
    if nearly_all or (times >= _DENSE * len(steps) and (steps % usual == 0).all()):
        at = int(np.argmax(steps > steps.min()))
        raise UserError(
            f"{folder}: a picture is missing between {files[at].name} and {files[at + 1].name}; restore it, or number "
            "the pictures anew if the clip never had one there"
        )
    return files  # irregular numbers, such as times of day


def first_number(folder: Path) -> int | None:
    """The number of the first picture in ``folder``, where the names are numbers."""
    numbers = _numbers(pictures_in(folder))
    return numbers[0] if numbers else None


def _numbers(files: Sequence[Path]) -> list[int] | None:
    """The number at the end of each name, if the names differ by nothing else and so are numbered."""
    parts = [re.fullmatch(r"(.*?)([0-9]{1,18})", file.stem) for file in files]
    numbered = [part for part in parts if part is not None]
    if len(numbered) < len(parts) or len({part[1] for part in numbered}) != 1:
        return None
    return [int(part[2]) for part in numbered]
