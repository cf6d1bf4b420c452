"""Each layout, built in miniature, is recognised from its folder alone and lists its clips."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from vad.data.intervals import Intervals
from vad.data.layouts import find_clips
from vad.pipeline.errors import UserError


def touch(root: Path, *names: str) -> None:
    """Empty files: listing a data set opens no video and no picture."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def summary(clips: list) -> list[tuple]:
    return [(clip.name, clip.scene, clip.split, clip.fps) for clip in clips]


def test_shanghaitech(tmp_path: Path) -> None:
    touch(
        tmp_path, "training/videos/02_001.avi", "testing/frames/03_0014/000.jpg", "testing/test_frame_mask/03_0014.npy"
    )
    touch(tmp_path, "testing/test_pixel_mask/03_0014.npy", "tracks/testing/03_0014.txt")
    train, test = find_clips(tmp_path)
    assert summary([train, test]) == [("02_001", "02", "train", None), ("03_0014", "03", "test", 24.0)]
    assert train.pixels == tmp_path / "training/videos/02_001.avi"
    assert train.labels is None
    assert test.labels.name == test.masks.name == "03_0014.npy"
    assert test.tracks == tmp_path / "tracks/testing/03_0014.txt"


def test_shanghaitech_by_tracks_alone(tmp_path: Path) -> None:
    touch(tmp_path, "tracks/training/01_001.txt", "tracks/testing/01_0014.txt", "testing/test_frame_mask/01_0014.npy")
    clips = find_clips(tmp_path)
    assert summary(clips) == [("01_001", "01", "train", 24.0), ("01_0014", "01", "test", 24.0)]
    assert [clip.pixels for clip in clips] == [None, None]


def test_ucsd(tmp_path: Path) -> None:
    root = tmp_path / "UCSDped2"
    touch(root, "Train/Train001/001.tif", "Test/Test001/001.tif", "Test/Test002/001.tif", "Test/Test002_gt/001.bmp")
    touch(root, "Test/.DS_Store", "Test/._Test001/x")
    (root / "Test/UCSDped2.m").write_text(
        "TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = [61:180];\n"
        "TestVideoFile{end+1}.gt_frame = [5:9, 12:13];\n"
    )
    clips = find_clips(root)
    assert [clip.name for clip in clips] == ["Train001", "Test001", "Test002"]
    assert {clip.fps for clip in clips} == {10.0}
    assert clips[1].labels.spans == ((60, 179),)
    assert clips[2].labels.spans == ((4, 8), (11, 12))
    assert [clip.masks for clip in clips[1:]] == [None, root / "Test/Test002_gt"]


def test_ucsd_archive_asks_to_choose(tmp_path: Path) -> None:
    touch(tmp_path, "UCSDped1/Train/Train001/001.tif", "UCSDped2/Train/Train001/001.tif")
    with pytest.raises(UserError, match=r"choose one: data.root=.*UCSDped1 or data.root=.*UCSDped2"):
        find_clips(tmp_path)


def test_ucsd_interval_count(tmp_path: Path) -> None:
    touch(tmp_path, "Train/Train001/001.tif", "Test/Test001/001.tif", "Test/Test002/001.tif")
    (tmp_path / "Test/UCSDped1.m").write_text("TestVideoFile{end+1}.gt_frame = [1:2];")
    with pytest.raises(UserError, match=r"UCSDped1.m has 1 gt_frame lines but there are 2 test clips"):
        find_clips(tmp_path)


def test_frames_with_mat(tmp_path: Path) -> None:
    touch(tmp_path, "training/frames/01/000.jpg", "testing/frames/01/000.jpg", "testing/frames/02/000.jpg")
    gt = np.empty((1, 2), dtype=object)
    gt[0, 0], gt[0, 1] = np.array([[61], [180]]), np.array([[1, 20], [5, 30]])
    scipy.io.savemat(tmp_path / "ped2.mat", {"gt": gt})
    clips = find_clips(tmp_path)
    assert summary(clips) == [
        ("train_01", "01", "train", 10.0),
        ("test_01", "01", "test", 10.0),
        ("test_02", "01", "test", 10.0),
    ]
    assert [clip.labels.spans for clip in clips[1:]] == [((60, 179),), ((0, 4), (19, 29))]


def test_frames_prefer_a_label_per_frame_to_intervals(tmp_path: Path) -> None:
    touch(tmp_path, "training/frames/01/000.jpg", "testing/frames/02/000.jpg", "testing/test_frame_mask/02.npy")
    touch(tmp_path, "testing/test_pixel_mask/02/000.png")
    gt = np.empty((1, 1), dtype=object)
    gt[0, 0] = np.array([[1], [1]])
    scipy.io.savemat(tmp_path / "any.mat", {"gt": gt})
    clips = find_clips(tmp_path)
    assert summary(clips) == [("01", "01", "train", 25.0), ("02", "01", "test", 25.0)]
    assert clips[1].labels == tmp_path / "testing/test_frame_mask/02.npy"
    assert clips[1].masks == tmp_path / "testing/test_pixel_mask/02"


def test_avenue(tmp_path: Path) -> None:
    touch(
        tmp_path, "training_videos/01.avi", "testing_videos/02.avi", "ground_truth_demo/testing_label_mask/2_label.mat"
    )
    clips = find_clips(tmp_path)
    assert [clip.name for clip in clips] == ["01", "02"]
    assert clips[1].masks.name == "2_label.mat"
    (tmp_path / "ground_truth_demo/testing_label_mask/2_label.mat").unlink()
    with pytest.raises(UserError, match=r"test clip 02 has no labels: .*2_label.mat is missing"):
        find_clips(tmp_path)


def test_plain_folder(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "test/b.MKV", "test/c.avi", "test/notes.txt")
    (tmp_path / "labels.csv").write_text("clip,start,end\nb,3,9\nb.MKV, 12, 12\n")
    clips = find_clips(tmp_path)
    assert [clip.name for clip in clips] == ["a", "b", "c"]
    assert [clip.labels.spans for clip in clips[1:]] == [((3, 9), (12, 12)), ()]


def test_plain_folder_without_labels(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "test/b.mp4")
    with pytest.raises(
        UserError, match=r"test clip b.mp4 has no labels: write .*labels.csv with the header clip,start,end"
    ):
        find_clips(tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("nobody,1,2", r"line 2: there is no test clip nobody; the test clips are b.mp4"),
        ("b,one,2", r"line 2: frame numbers must be whole numbers, found 'one' and '2'"),
    ],
)
def test_bad_row_in_labels_csv(tmp_path: Path, row: str, message: str) -> None:
    touch(tmp_path, "train/a.mp4", "test/b.mp4")
    (tmp_path / "labels.csv").write_text(f"clip,start,end\n{row}\n")
    with pytest.raises(UserError, match=message):
        find_clips(tmp_path)


def test_two_videos_of_one_name(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "train/a.avi", "test/b.mp4", "labels.csv")
    (tmp_path / "labels.csv").write_text("clip,start,end\n")
    with pytest.raises(UserError, match="two clips are named a"):
        find_clips(tmp_path)


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        (["training/videos/01_001.avi"], "no test clip"),
        (["testing/frames/01/0.jpg", "testing/test_frame_mask/01.npy"], "no training clip"),
        (["test/b.mp4", "labels.csv"], "no training clip"),
    ],
)
def test_empty_split(tmp_path: Path, files: list[str], missing: str) -> None:
    touch(tmp_path, *files)
    if "labels.csv" in files:
        (tmp_path / "labels.csv").write_text("clip,start,end\n")
    with pytest.raises(UserError, match=missing):
        find_clips(tmp_path)


def test_test_clip_without_labels(tmp_path: Path) -> None:
    touch(tmp_path, "training/frames/01/000.jpg", "testing/frames/01/000.jpg")
    with pytest.raises(UserError, match=r"test clip 01 has no labels: .*01.npy is missing"):
        find_clips(tmp_path)


def test_unknown_folder_names_what_is_there_and_every_layout(tmp_path: Path) -> None:
    touch(tmp_path, "holiday.doc", "pictures/1.jpg")
    with pytest.raises(
        UserError, match=r"Found: holiday.doc, pictures/\. Known layouts: shanghaitech: .*; folder: "
    ) as error:
        find_clips(tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"is not a folder; set data.root"):
        find_clips(tmp_path / "nowhere")


def test_fps_and_layout_can_be_set(tmp_path: Path) -> None:
    touch(
        tmp_path, "training/frames/01/0.jpg", "testing/frames/02/0.jpg", "testing/test_frame_mask/02.npy", "train/a.avi"
    )
    touch(tmp_path, "test/b.avi")
    (tmp_path / "labels.csv").write_text("clip,start,end\n")
    assert {clip.fps for clip in find_clips(tmp_path, fps=7.5)} == {7.5}
    assert [clip.name for clip in find_clips(tmp_path, layout="folder")] == ["a", "b"]
    assert find_clips(tmp_path, layout="folder")[1].labels == Intervals(tmp_path / "labels.csv", ())
