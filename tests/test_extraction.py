"""A miniature of every layout goes into a frame store and comes out of it again."""

import hashlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import scipy.io

from tests.numbered import make, number
from tests.test_decoding import write_video
from tests.test_layouts import touch
from vad.data import extraction, layouts
from vad.data.frames import FrameStore
from vad.data.packing import Params
from vad.pipeline.errors import UserError

PARAMS = Params(short_side=32, stride=1, jpeg_quality=90, turn_back=True)
TRACKS = "Frame_Number Person_ID State BB_tl_0 BB_tl_1 BB_br_0 BB_br_1\n"


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAD_WORKERS", "1")


def extract(root: Path, params: Params = PARAMS) -> FrameStore:
    out = root.parent / "store"
    extraction.extract(layouts.Params(root=str(root), layout="auto", fps=None, size=None), params, out)
    return FrameStore(out)


def pictures(folder: Path, suffix: str, frames: int = 6) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for t in range(frames):
        cv2.imwrite(str(folder / f"{t:03d}.{suffix}"), rng.integers(0, 255, (64, 96), dtype=np.uint8))


def shanghaitech(root: Path) -> Path:
    touch(root, "training/videos/x", "testing/test_frame_mask/x", "testing/test_pixel_mask/x", "tracks/testing/x")
    write_video(root / "training/videos/01_001.avi", "MJPG", 8)
    write_video(root / "training/videos/02_001.avi", "MJPG", 8)
    pictures(root / "testing/frames/02_0001", "jpg")
    masks = np.zeros((6, 64, 96), np.uint8)
    masks[2:4, 10:30, 10:30] = 1
    np.save(root / "testing/test_frame_mask/02_0001.npy", masks.any(axis=(1, 2)).astype(np.uint8))
    np.save(root / "testing/test_pixel_mask/02_0001.npy", masks)
    (root / "tracks/testing/02_0001.txt").write_text(TRACKS + "5 1 2 10 20 30 40\n2 7 2 0 0 96 64\n")
    (root / "events.csv").write_text("clip,first_frame,last_frame,type\n02_0001,2,3,bicycle\n")
    return root


def test_shanghaitech(tmp_path: Path) -> None:
    store = extract(shanghaitech(tmp_path / "raw"))
    manifest = store.manifest.set_index("clip")
    assert manifest["frames"].to_dict() == {"01_001": 8, "02_0001": 6, "02_001": 8}
    assert manifest["abnormal_frames"].to_dict() == {"01_001": 0, "02_0001": 2, "02_001": 0}
    assert manifest["scene"].to_dict() == {"01_001": "01", "02_0001": "02", "02_001": "02"}
    assert manifest["fps"].to_dict() == {"01_001": 20.0, "02_0001": 24.0, "02_001": 20.0}
    assert manifest.loc["02_0001", "source"] == "testing/frames/02_0001"
    assert store.has_pixels
    (clip,) = store.with_tracks(store.clips("test"))
    assert clip.labels.tolist() == [0, 0, 1, 1, 0, 0]
    assert clip.size == (48, 32)
    assert clip.read(5).shape == (32, 48, 3)
    assert clip.tracks.to_numpy().tolist() == [[2, 7, 0, 0, 48, 32], [5, 1, 5, 10, 15, 20]]
    masks = store.masks("02_0001")
    assert masks.shape == (6, 32, 48)
    assert masks[2].sum() == 100
    assert masks.any(axis=(1, 2)).tolist() == clip.labels.astype(bool).tolist()
    events = pd.read_csv(store.folder / "events.csv", dtype={"clip": str})
    assert events.to_numpy().tolist() == [["02_0001", 2, 3, "bicycle"]]
    assert pd.read_csv(store.folder / "input_quality.csv").columns.tolist() == extraction.QUALITY_COLUMNS


def test_stride_keeps_the_original_numbers(tmp_path: Path) -> None:
    store = extract(shanghaitech(tmp_path / "raw"), PARAMS.model_copy(update={"stride": 2}))
    (clip,) = store.with_tracks(store.clips("test"))
    assert clip.frames.tolist() == [0, 2, 4]
    assert clip.labels.tolist() == [0, 1, 0]
    assert len(store.masks("02_0001")) == 3
    assert clip.tracks["frame"].tolist() == [2]
    assert store.manifest.set_index("clip").loc["02_0001", "frames"] == 6


def test_ucsd(tmp_path: Path) -> None:
    root = tmp_path / "UCSDped2"
    pictures(root / "Train/Train001", "tif")
    pictures(root / "Test/Test001", "tif")
    (root / "Test/UCSDped2.m").write_text("TestVideoFile{end+1}.gt_frame = [2:3];")
    (root / "Test/Test001_gt").mkdir()
    for t in range(6):
        mask = np.zeros((64, 96), np.uint8)
        mask[:20, :20] = 255 * (t in (1, 2))
        cv2.imwrite(str(root / f"Test/Test001_gt/{t:03d}.bmp"), mask)
    store = extract(root)
    (clip,) = store.clips("test")
    assert (clip.name, clip.fps, clip.labels.tolist()) == ("Test001", 10.0, [0, 1, 1, 0, 0, 0])
    assert store.masks("Test001").any(axis=(1, 2)).tolist() == [False, True, True, False, False, False]


def test_frames_layout_with_clips_of_one_name(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    pictures(root / "training/frames/01", "jpg")
    pictures(root / "testing/frames/01", "jpg")
    gt = np.empty((1, 1), dtype=object)
    gt[0, 0] = np.array([[1], [2]])
    scipy.io.savemat(root / "ped2.mat", {"gt": gt})
    store = extract(root)
    assert [(clip.name, clip.labels.tolist()) for clip in store.clips()] == [
        ("test_01", [1, 1, 0, 0, 0, 0]),
        ("train_01", [0] * 6),
    ]


def test_avenue(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    touch(root, "training_videos/x", "testing_videos/x", "ground_truth_demo/testing_label_mask/x")
    write_video(root / "training_videos/01.avi", "MJPG", 5)
    write_video(root / "testing_videos/01.avi", "MJPG", 5)
    cells = np.empty((1, 5), dtype=object)
    for t in range(5):
        cells[0, t] = np.full((64, 96), t == 3, np.uint8)
    scipy.io.savemat(root / "ground_truth_demo/testing_label_mask/1_label.mat", {"volLabel": cells})
    (clip,) = extract(root).clips("test")
    assert clip.labels.tolist() == [0, 0, 0, 1, 0]


def plain(root: Path) -> Path:
    touch(root, "train/x", "test/x")
    write_video(root / "train/morning.mp4", "mp4v", 5)
    write_video(root / "test/evening.mkv", "MJPG", 5)
    (root / "labels.csv").write_text("clip,start,end\nevening,4,4\n")
    return root


def test_plain_folder(tmp_path: Path) -> None:
    (clip,) = extract(plain(tmp_path / "raw")).clips("test")
    assert (clip.name, clip.scene, clip.labels.tolist()) == ("evening", "01", [0, 0, 0, 0, 1])


def test_tracks_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    root = tmp_path / "raw"
    touch(root, "tracks/training/x", "tracks/testing/x", "testing/test_frame_mask/x")
    (root / "tracks/training/01_001.txt").write_text(TRACKS + "7 1 2 100 100 850 470\n")
    (root / "tracks/testing/01_0001.txt").write_text(TRACKS + "1 1 2 100 100 120 150\n")
    np.save(root / "testing/test_frame_mask/01_0001.npy", np.array([0, 1, 1]))
    store = extract(root)
    assert "0 of 1 training and 0 of 1 test clips have pixels" in caplog.text
    assert not store.has_pixels
    test, train = store.with_tracks(store.clips())
    assert (test.size, test.path, test.labels.tolist(), len(train.frames)) == ((856, 480), None, [0, 1, 1], 8)
    assert test.tracks.to_numpy().tolist() == [[1, 1, 100, 100, 120, 150]]
    (root / "tracks/testing/01_0001.txt").write_text(TRACKS + "3 1 2 100 100 120 150\n")
    with pytest.raises(UserError, match=r"01_0001.txt has a box in frame 3 but clip 01_0001 has 3 frames"):
        extract(root)


def test_some_clips_by_tracks_alone(tmp_path: Path) -> None:
    root = shanghaitech(tmp_path / "raw")
    (root / "tracks/training").mkdir()
    (root / "tracks/training/03_001.txt").write_text(TRACKS + "4 1 2 10 20 30 40\n")
    store = extract(root)
    clip = next(clip for clip in store.with_tracks(store.clips("train")) if clip.name == "03_001")
    assert store.has_pixels
    assert (clip.path, clip.size, len(clip.frames)) == (None, (48, 32), 5)
    assert clip.tracks.to_numpy().tolist() == [[4, 1, 5, 10, 15, 20]]


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_bytes_with_more_workers_and_nothing_written_to_the_raw_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shanghaitech(tmp_path / "raw")
    before = digests(root)
    one = digests(extract(root).folder)
    monkeypatch.setenv("VAD_WORKERS", "2")
    assert digests(extract(root).folder) == one
    assert digests(root) == before


def test_a_truncated_video_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    root = plain(tmp_path / "raw")
    before = digests(extract(root).folder)
    video = root / "test/evening.mkv"
    video.write_bytes(video.read_bytes()[:600])
    with pytest.raises(UserError, match=r"evening.mkv"):
        extract(root)
    assert digests(tmp_path / "store") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "store"]


# --- cameras and what they write ------------------------------------------------------------------------------------


def two_cameras(root: Path) -> Path:
    for camera, size in (("gate", (128, 64)), ("yard", (96, 72))):
        touch(root, f"train/{camera}/x", f"test/{camera}/x")
        make(root / f"train/{camera}/monday.mp4", frames=12, size=size)
        make(root / f"test/{camera}/friday.mp4", frames=10, size=size)
    (root / "labels.csv").write_text("clip,start,end\nyard/friday,4,5\n")
    (root / "events.csv").write_text("clip,first_frame,last_frame,type\nyard/friday.mp4,4,5,fall\n")
    return root


def test_cameras_of_different_sizes_are_scenes_of_their_own(tmp_path: Path) -> None:
    store = extract(two_cameras(tmp_path / "raw"))
    clips = {clip.name: (clip.scene, clip.size, int(clip.labels.sum())) for clip in store.clips()}
    assert clips == {
        "gate_friday": ("gate", (64, 32), 0),
        "gate_monday": ("gate", (64, 32), 0),
        "yard_friday": ("yard", (42, 32), 2),
        "yard_monday": ("yard", (42, 32), 0),
    }
    assert pd.read_csv(store.folder / "events.csv").to_numpy().tolist() == [["yard_friday", 4, 5, "fall"]]


def test_one_camera_of_two_sizes_is_refused(tmp_path: Path) -> None:
    root = two_cameras(tmp_path / "raw")
    (root / "clips.csv").write_text("clip,camera\nmonday,gate\nfriday,gate\n")
    with pytest.raises(UserError, match=r"is \(96, 72\) but .* of the same camera is \(128, 64\).*clips.csv"):
        extract(root)


def test_clips_named_na_and_nan(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    touch(root, "train/nan/x", "test/nan/x")
    make(root / "train/nan/NA.mp4", frames=5)
    make(root / "test/nan/nan.mp4", frames=5)
    (root / "labels.csv").write_text("clip,start,end\nnan,4,4\n")
    clips = extract(root).clips()
    assert [(clip.name, clip.scene, clip.labels.tolist()) for clip in clips] == [
        ("NA", "nan", [0] * 5), ("nan", "nan", [0, 0, 0, 0, 1]),
    ]  # fmt: skip


def test_an_interrupted_recording_becomes_clips_whose_labels_stay_on_their_frames(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    touch(root, "train/x", "test/x", "tracks/testing/x")
    make(root / "train/a.mp4", frames=12)
    times = [index / 25 + (30 if index >= 15 else 0) for index in range(40)]
    make(root / "test/b.mkv", times=times, options={"qp": "5"})
    (root / "labels.csv").write_text("clip,start,end\nb,13,16\nb,30,31\n")
    (root / "events.csv").write_text("clip,first_frame,last_frame,type\nb,13,16,fall\n")
    (root / "tracks/testing/b.txt").write_text(TRACKS + "14 1 2 0 0 8 8\n20 1 2 0 0 8 8\n")
    store = extract(root, PARAMS.model_copy(update={"stride": 2, "short_side": None}))
    first, second = store.clips("test")
    assert (first.name, second.name) == ("b_part1", "b_part2")
    assert store.manifest.set_index("clip")["first_frame"].to_dict() == {"a": 0, "b_part1": 0, "b_part2": 15}
    for clip, start in ((first, 0), (second, 15)):
        assert [number(clip.read(frame)) for frame in clip.frames] == [start + frame for frame in clip.frames]
        wanted = [int(13 <= start + frame <= 16 or 30 <= start + frame <= 31) for frame in clip.frames]
        assert clip.labels.tolist() == wanted
        assert clip.fps == pytest.approx(25, rel=0.02)
    assert pd.read_csv(store.folder / "events.csv").to_numpy().tolist() == [
        ["b_part1", 13, 14, "fall"], ["b_part2", 0, 1, "fall"],
    ]  # fmt: skip
    assert store.tracks[["clip", "frame"]].to_numpy().tolist() == [["b_part1", 14]]
    assert not list((store.folder / "frames").glob("*.zip.*"))


def test_persons_keep_their_shape_where_pixels_are_not_square(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    touch(root, "train/x", "test/x", "tracks/testing/x")
    for name in ("train/a.mp4", "test/b.mp4"):
        make(root / name, frames=3, size=(64, 96), aspect=Fraction(2, 1))
    (root / "labels.csv").write_text("clip,start,end\n")
    (root / "tracks/testing/b.txt").write_text(TRACKS + "1 1 2 16 24 32 48\n")
    store = extract(root)
    assert {clip.size for clip in store.clips()} == {(42, 32)}
    assert store.manifest[["width", "height"]].to_numpy().tolist() == [[64, 96]] * 2
    np.testing.assert_allclose(store.tracks[["x1", "y1", "x2", "y2"]], [[10.5, 8, 21, 16]])


def test_pictures_that_begin_elsewhere_have_no_stretches(tmp_path: Path) -> None:
    root = tmp_path / "raw/UCSDped2"
    pictures(root / "Train/Train001", "tif")
    pictures(root / "Test/Test001", "tif")
    (root / "Test/UCSDped2.m").write_text("TestVideoFile{end+1}.gt_frame = [1:2];")
    (root / "Test/Test001/000.tif").unlink()
    assert extract(root).clips("test")[0].labels.tolist() == [1, 1, 0, 0, 0]
    (root / "Test/Test001/001.tif").unlink()
    with pytest.raises(UserError, match=r"Test001 begins with picture 2, so the stretches in .*UCSDped2.m may mean"):
        extract(root)


def test_a_missing_picture_moves_no_stretch_to_other_files(tmp_path: Path) -> None:
    root = tmp_path / "raw/UCSDped2"
    pictures(root / "Train/Train001", "tif")
    pictures(root / "Test/Test001", "tif")
    (root / "Test/UCSDped2.m").write_text("TestVideoFile{end+1}.gt_frame = [1:2];")
    (root / "Test/Test001/004.tif").unlink()
    with pytest.raises(UserError, match=r"Test001: a picture is missing between 003.tif and 005.tif"):
        extract(root)


@pytest.mark.parametrize(
    ("names", "corner", "size"),
    [
        (("01_001", "01_0014"), (830, 470), (856, 480)),
        (("01", "02"), (630, 350), (640, 360)),
        (("a", "b"), (1270, 700), (1280, 720)),
        (("a", "b"), (9000, 700), (9000, 700)),
    ],
)
def test_pictures_behind_tracks_alone(tmp_path: Path, names: tuple[str, str], corner: tuple, size: tuple) -> None:
    root = tmp_path / "raw"
    touch(root, "tracks/training/x", "tracks/testing/x", "testing/test_frame_mask/x")
    for split, name in zip(("training", "testing"), names, strict=True):
        (root / f"tracks/{split}/{name}.txt").write_text(TRACKS + f"0 1 2 1 1 {corner[0]} {corner[1]}\n")
    np.save(root / f"testing/test_frame_mask/{names[1]}.npy", np.array([0]))
    assert {clip.size for clip in extract(root).clips()} == {size}
    data = layouts.Params(root=str(root), layout="auto", fps=None, size=[320, 200])
    extraction.extract(data, PARAMS, tmp_path / "wanted")
    assert {clip.size for clip in FrameStore(tmp_path / "wanted").clips()} == {(320, 200)}
