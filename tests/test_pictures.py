"""Pictures are in the order of their numbers, none is missing, and none takes memory that nobody has."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.test_layouts import touch
from vad.data.pictures import first_number, frame_files, read_mask, read_picture
from vad.pipeline.errors import UserError


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels, and nearly no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [30_000, 100_000])
@pytest.mark.parametrize("read", [read_picture, read_mask])
def test_a_picture_that_promises_gigabytes(tmp_path: Path, side: int, read: object) -> None:
    (tmp_path / "0.png").write_bytes(png_of(side, side))
    with pytest.raises(UserError, match=r"0.png .*more than 100,000,000 pixels; reduce it"):
        read(tmp_path / "0.png")


@pytest.mark.parametrize(
    "names",
    [
        ("000", "001", "002"), ("frame8", "frame9", "frame10"), ("0", "5", "10"), ("a", "b", "d"), ("1200", "1201"),
        ("12-00-01.040", "12-00-01.081", "12-00-01.120", "12-00-01.159"), ("x1y1", "x3y2"),
    ],
)  # fmt: skip
def test_numbers_without_a_gap(tmp_path: Path, names: tuple[str, ...]) -> None:
    touch(tmp_path, *(f"{name}.png" for name in names))
    assert [file.stem for file in frame_files(tmp_path)] == list(names)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("000", "001", "003", "004"), "a picture is missing between 001.png and 003.png"),
        (("0", "5", "15", "20"), "a picture is missing between 5.png and 15.png"),
        (("000", "001", "003", "005", "006", "008"), "a picture is missing between 001.png and 003.png"),
        (("1", "01", "2"), "has frame 1 twice: 01.png and 1.png"),
    ],
)
def test_a_missing_number_is_no_shift_of_all_that_follow(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    touch(tmp_path, *(f"{name}.png" for name in names))
    with pytest.raises(UserError, match=said):
        frame_files(tmp_path)


def test_one_frame_in_two_formats(tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg", "1.png", "2.jpg")
    with pytest.raises(UserError, match="has frame 1 twice"):
        frame_files(tmp_path)


def test_digits_of_other_scripts_are_letters(tmp_path: Path) -> None:
    touch(tmp_path, "²1.png", "²2.png", "x٣.png", "x٢.png")
    assert [file.stem for file in frame_files(tmp_path)] == ["x٢", "x٣", "²1", "²2"]


def test_the_first_number(tmp_path: Path) -> None:
    touch(tmp_path, "a/002.jpg", "a/003.jpg", "b/x.jpg")
    assert [first_number(tmp_path / name) for name in ("a", "b", "c")] == [2, None, None]


def test_a_thumbnail_s_end_is_not_the_picture_s(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    thumbnail = cv2.imencode(".jpg", image[:8, :8])[1].tobytes()
    whole = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + jpeg[2:]
    (tmp_path / "0.jpg").write_bytes(whole)
    assert read_picture(tmp_path / "0.jpg").size() == (64, 64)
    (tmp_path / "0.jpg").write_bytes(whole[: len(whole) - 2000])
    with pytest.raises(UserError, match=r"0.jpg is truncated"):
        read_picture(tmp_path / "0.jpg")
