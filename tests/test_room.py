"""What a data set will take of the disk is said from headers, and refused where it cannot fit."""

import logging
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.numbered import make
from vad.data import extraction, layouts, room
from vad.data.clips import raw_clip
from vad.data.packing import Params
from vad.pipeline.errors import UserError

PARAMS = Params(short_side=240, stride=1, jpeg_quality=95, turn_back=True)
Usage = namedtuple("Usage", "total used free")


def pictures(folder: Path, count: int, suffix: str, size: tuple[int, int]) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:03d}.{suffix}"), rng.integers(0, 255, (size[1], size[0], 3), np.uint8))
    return folder


def test_pictures_that_are_copied_take_their_own_size(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "a", 6, "jpg", (64, 48))
    sizes = [file.stat().st_size for file in sorted(folder.iterdir())]
    assert room.estimate(folder, None, PARAMS) == (6, sum(sizes))
    every_other = PARAMS.model_copy(update={"stride": 2})
    assert room.estimate(folder, None, every_other) == (3, sum(sizes[::2]))


def test_pictures_that_are_encoded_anew_take_what_their_quality_does(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "a", 2, "png", (960, 480))
    assert room.estimate(folder, None, PARAMS) == (2, round(2 * 480 * 240 * 0.28))


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.mkv", "libx264")])
def test_a_video_s_frames_come_from_its_header(tmp_path: Path, name: str, codec: str) -> None:
    path = make(tmp_path / name, codec, frames=60)
    frames, size = room.estimate(path, None, PARAMS)
    assert frames == pytest.approx(60, abs=2)
    assert size == pytest.approx(frames * 128 * 64 * 0.28, abs=1)
    assert room.estimate(path, None, PARAMS.model_copy(update={"stride": 4}))[0] == pytest.approx(15, abs=1)


def test_a_promise_that_the_file_cannot_hold_is_not_believed(tmp_path: Path) -> None:
    path = make(tmp_path / "a.avi", "mpeg4", frames=60)
    data = bytearray(path.read_bytes())
    for header, place in ((b"avih", 8 + 16), (b"strh", 8 + 32)):
        at = data.index(header) + place
        data[at : at + 4] = (2_000_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    frames, _ = room.estimate(path, None, PARAMS)
    assert 60 <= frames <= len(data) / 20


def test_what_cannot_be_read_is_left_to_whoever_decodes_it(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"none")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/0.png").write_bytes(b"none")
    assert room.estimate(tmp_path / "a.mp4", None, PARAMS) == room.estimate(tmp_path / "b", None, PARAMS) == (0, 0)


@pytest.mark.parametrize(("free", "outcome"), [(10**12, "INFO"), (60_000, "WARNING"), (10_000, "refused")])
def test_it_is_said_and_what_clearly_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, free: int, outcome: str
) -> None:
    folder = pictures(tmp_path / "a", 8, "jpg", (64, 48))
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert 2 * 10_000 < size < 60_000
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: Usage(10**12, 0, free))
    clips = [raw_clip("a", "train", folder, None)]
    if outcome == "refused":
        with pytest.raises(UserError, match="8 frames to store, about 1 MB; 1 MB are free on the disk of"):
            room.check(clips, PARAMS, tmp_path)
        return
    with caplog.at_level(logging.INFO):
        room.check(clips, PARAMS, tmp_path)
    assert [record.levelname for record in caplog.records] == [outcome]


def test_extraction_asks_before_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, out = tmp_path / "mine", tmp_path / "data"
    for name in ("train/a.mp4", "test/b.mp4"):
        (root / name).parent.mkdir(parents=True)
        make(root / name, frames=30)
    (root / "labels.csv").write_text("clip,start,end\n")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: Usage(10**12, 0, 1000))
    with pytest.raises(UserError, match="frames to store"):
        extraction.extract(layouts.Params(root=str(root), layout="auto", fps=None, size=None), PARAMS, out)
    assert not out.exists()
