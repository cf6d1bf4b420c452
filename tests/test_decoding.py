"""Whole files decode in full, damaged ones are named in one line."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from vad.data.decoding import read_clip
from vad.pipeline.errors import UserError

FORMATS = [("avi", "MJPG"), ("avi", "XVID"), ("mp4", "mp4v"), ("mkv", "MJPG")]


def write_video(path: Path, fourcc: str, frames: int = 60) -> Path:
    rng = np.random.default_rng(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*fourcc), 20.0, (96, 64))
    for t in range(frames):
        image = rng.integers(0, 40, (64, 96, 3), dtype=np.uint8)
        image[20:40, t : t + 20] = 220
        writer.write(image)
    writer.release()
    return path


def count(path: Path) -> int:
    return sum(picture.pixels().ndim > 1 for picture in read_clip(path).pictures)


@pytest.mark.parametrize(("suffix", "fourcc"), FORMATS)
def test_every_frame_of_a_whole_video(tmp_path: Path, suffix: str, fourcc: str) -> None:
    path = write_video(tmp_path / f"a.{suffix}", fourcc)
    assert read_clip(path).fps == 20.0
    assert read_clip(path, 7.0).fps == 7.0
    assert count(path) == 60


@pytest.mark.parametrize("share", [0.02, 0.5, 0.8])
@pytest.mark.parametrize(("suffix", "fourcc"), FORMATS)
def test_truncated_video(tmp_path: Path, suffix: str, fourcc: str, share: float) -> None:
    whole = write_video(tmp_path / f"whole.{suffix}", fourcc)
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    with pytest.raises(UserError, match=rf"cut.{suffix} (is truncated|cannot be opened as a video)") as error:
        count(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"hello, this is no video"])
def test_not_a_video(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(UserError, match=r"a.mp4 cannot be opened as a video"):
        read_clip(tmp_path / "a.mp4")
    assert capfd.readouterr().err == ""


def test_pictures_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (9, 10, 8):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8), number, np.uint8))
    (tmp_path / "._8.png").write_bytes(b"left by an archiver")
    assert [int(picture.pixels()[0, 0]) for picture in read_clip(tmp_path).pictures] == [8, 9, 10]


def test_truncated_and_unreadable_pictures(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.jpg"), np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    whole = (tmp_path / "0.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"1.jpg is truncated"):
        count(tmp_path)
    (tmp_path / "1.jpg").unlink()
    (tmp_path / "1.png").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"1.png cannot be read as a picture"):
        count(tmp_path)


def test_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no pictures"):
        count(tmp_path)


@pytest.mark.skipif("VAD_DATASETS" not in os.environ, reason="VAD_DATASETS does not name a folder with shanghaitech")
def test_a_real_video_whole_and_truncated(tmp_path: Path) -> None:
    whole = Path(os.environ["VAD_DATASETS"], "shanghaitech/training/videos/01_002.avi")
    assert count(whole) == 481
    (tmp_path / "cut.avi").write_bytes(whole.read_bytes()[:-3000])
    with pytest.raises(UserError, match="it ends 3000 bytes early"):
        count(tmp_path / "cut.avi")
