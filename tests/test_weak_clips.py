"""Clips with one label each, from disk to the frame store: by the rules of all other clips."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pydantic
import pytest

from vad.data import extraction, layouts, weak_folder
from vad.data.frames import FrameStore
from vad.data.packing import Params as Packing
from vad.data.weak_runs import Params as Runs
from vad.pipeline.errors import UserError

PACKING = Packing(short_side=240, stride=1, jpeg_quality=95, turn_back=True)
RUNS = Runs(stride=5, run=3)


def video(path: Path, frames: int = 8, size: tuple[int, int] = (160, 90)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 12, size)
    for number in range(frames):
        writer.write(np.full((size[1], size[0], 3), 40 + 4 * number, np.uint8))
    writer.release()


def folder(path: Path, numbers: tuple[int, ...] = (0, 1, 2, 40, 41, 42)) -> None:
    path.mkdir(parents=True)
    for number in numbers:
        cv2.imwrite(str(path / f"{number:05d}.jpg"), np.full((90, 160, 3), number, np.uint8))


def data_set(root: Path, train: str = "train/a.avi", test: str = "test/b.avi") -> Path:
    video(root / train)
    video(root / test)
    (root / "labels.csv").write_text("clip,start,end\n")
    return root


def labelled(root: Path, *rows: str) -> Path:
    (root / "weak_labels.csv").write_text("\n".join(["clip,label", *rows]) + "\n")
    return root


def extract(root: Path, fps: float | None = None) -> FrameStore:
    out = root.parent / "out"
    extraction.extract(layouts.Params(root=str(root), layout="auto", fps=fps, size=None), PACKING, out, RUNS)
    return FrameStore(out)


def found(root: Path) -> dict[str, tuple[str, str]]:
    """Weak clip -> its name and camera."""
    return {clip.stem: (clip.name, clip.scene) for clip in layouts.find_clips(root) if clip.split == "weak"}


def test_pictures_are_stored_by_frame_number(tmp_path):
    root = labelled(data_set(tmp_path / "raw", "train/01/a.avi", "test/01/b.avi"), "01_9001,1", "02_9002,0")
    for name in ("01_9001", "02_9002"):
        folder(root / "weak" / name)
    one, two = extract(root).clips("weak")
    assert [one.frames.tolist(), two.frames.tolist()] == [[0, 1, 2, 40, 41, 42]] * 2
    assert [set(one.labels), set(two.labels)] == [{1}, {0}]
    assert [(clip.scene, clip.fps) for clip in (one, two)] == [("01", 24.0), ("02", 24.0)]
    assert one.read(41).mean() == pytest.approx(41, abs=2)


def test_of_a_video_runs_are_kept_at_its_own_rate_or_the_given_one(tmp_path):
    root = labelled(data_set(tmp_path / "raw"), "c,1")
    video(root / "weak/c.avi", frames=12)
    (clip,) = extract(root).clips("weak")
    assert clip.frames.tolist() == [0, 1, 2, 5, 6, 7, 10, 11]
    assert clip.read(6).mean() == pytest.approx(64, abs=3)
    assert clip.fps == 12
    assert {clip.fps for clip in extract(root, fps=30).clips()} == {30.0}


def test_cameras_by_folder(tmp_path):
    root = labelled(data_set(tmp_path / "raw", "train/gate/a.avi", "test/gate/b.avi"), "gate/c.avi,1", "d,0", "e,1")
    video(root / "weak/gate/c.avi")
    video(root / "weak/yard/d.avi")
    folder(root / "weak/gate/e")
    assert found(root) == {"gate/c": ("c", "gate"), "yard/d": ("d", "yard"), "gate/e": ("e", "gate")}
    manifest = extract(root).manifest
    assert manifest[manifest["split"] == "weak"]["source"].tolist() == ["gate/c.avi", "gate/e", "yard/d.avi"]


def test_cameras_by_a_table(tmp_path):
    root = labelled(data_set(tmp_path / "raw"), "a,1", "c,0")
    video(root / "weak/a.avi")
    video(root / "weak/c.avi")
    (root / "clips.csv").write_text("clip,camera\ntrain/a,gate\nb,gate\nweak/a,yard\nc.avi,gate\n")
    assert found(root) == {"a": ("weak_a", "yard"), "c": ("weak_c", "gate")}
    (root / "clips.csv").write_text("clip,camera\na,gate\nb,gate\n")
    with pytest.raises(UserError, match=r"clips\.csv has no row for weak clip c\.avi"):
        found(root)


def test_clips_of_one_name_get_their_split_before_it(tmp_path):
    root = labelled(data_set(tmp_path / "raw"), "a,1")
    video(root / "weak/a.avi")
    assert [clip.name for clip in extract(root).clips()] == ["test_b", "train_a", "weak_a"]


@pytest.mark.parametrize("labels", ["c,1", "yard/c,0\ngate/c,1\nc.avi,1"])
def test_a_label_that_may_mean_two_clips_is_refused(tmp_path, labels):
    root = labelled(data_set(tmp_path / "raw", "train/gate/a.avi", "test/yard/b.avi"), *labels.split("\n"))
    video(root / "weak/gate/c.avi")
    video(root / "weak/yard/c.avi")
    with pytest.raises(UserError, match=r"line \d: c(\.avi)? may be gate/c.*, yard/c.*; write which"):
        extract(root)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("c,1", r"weak.d\.avi has no label"),
        ("c,1\nd,1\nx,1", "line 4: there is no weakly labelled clip x; the weakly labelled clips are c.avi, d.avi"),
        ("c,1\nd,1\nc.avi,0", "line 4: c has two labels"),
    ],
)
def test_list_and_folder_must_agree(tmp_path, labels, message):
    root = labelled(data_set(tmp_path / "raw"), labels)
    video(root / "weak/c.avi")
    video(root / "weak/d.avi")
    with pytest.raises(UserError, match=message):
        extract(root)


def test_a_list_without_clips_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"names c, but .*weak holds no clip"):
        extract(labelled(data_set(tmp_path / "raw"), "c,1"))


def test_two_files_of_one_name_are_refused(tmp_path):
    root = labelled(data_set(tmp_path / "raw"), "c,1")
    video(root / "weak/c.avi")
    folder(root / "weak/c")
    with pytest.raises(UserError, match="two clips are named c"):
        weak_folder.clips(root, lambda name: 25.0)


def test_a_camera_s_clips_are_of_one_size(tmp_path):
    root = labelled(data_set(tmp_path / "raw"), "c,1")
    video(root / "weak/c.avi", size=(180, 90))
    with pytest.raises(UserError, match=r"c\.avi is stored as \(180, 90\) but clip a .* as \(160, 90\)"):
        extract(root)


def test_pictures_of_a_clip_are_of_one_size(tmp_path):
    root = labelled(data_set(tmp_path / "raw"), "c,1")
    folder(root / "weak/c")
    cv2.imwrite(str(root / "weak/c/00043.jpg"), np.zeros((45, 80, 3), np.uint8))
    with pytest.raises(UserError, match=r"frame 43 is \(80, 45\) but the clip began with \(160, 90\)"):
        extract(root)


def test_runs():
    assert [number for number in range(12) if RUNS.kept(number)] == [0, 1, 2, 5, 6, 7, 10, 11]
    assert RUNS.frames(12) == (0, 1, 2, 5, 6, 7)
    with pytest.raises(pydantic.ValidationError, match="runs would overlap"):
        Runs(stride=5, run=6)


def test_no_list_no_clips(tmp_path):
    root = data_set(tmp_path / "raw")
    video(root / "weak/c.avi")
    store = extract(root)
    assert set(store.manifest["split"]) == {"train", "test"}
    assert pd.isna(store.manifest).sum().sum() == 0
