"""Each layout, built in miniature, is recognised from its folder alone and lists its clips."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from vad.data import layouts
from vad.data.intervals import Intervals
from vad.data.layouts import find_clips
from vad.pipeline import params
from vad.pipeline.errors import UserError

VALUES = {"layout": "auto", "fps": None, "size": None}


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


# --- cameras --------------------------------------------------------------------------------------------------------


def test_cameras_by_folder(tmp_path: Path) -> None:
    touch(tmp_path, "train/gate/monday.mp4", "train/yard/monday.mp4", "test/gate/friday.mp4", "test/yard/friday.avi")
    (tmp_path / "labels.csv").write_text("clip,start,end\ngate/friday,3,9\nyard/friday.avi,1,2\n")
    clips = find_clips(tmp_path)
    assert [(clip.name, clip.scene, clip.split) for clip in clips] == [
        ("gate_monday", "gate", "train"), ("yard_monday", "yard", "train"),
        ("gate_friday", "gate", "test"), ("yard_friday", "yard", "test"),
    ]  # fmt: skip
    assert [clip.labels.spans for clip in clips[2:]] == [((3, 9),), ((1, 2),)]


def test_a_camera_s_folder_may_be_left_out_where_it_is_clear(tmp_path: Path) -> None:
    touch(tmp_path, "train/gate/monday.mp4", "test/gate/friday.mp4", "test/yard/sunday.mp4", "test/yard/friday.mp4")
    (tmp_path / "labels.csv").write_text("clip,start,end\nsunday,3,9\n")
    spans = {clip.stem: clip.labels.spans for clip in find_clips(tmp_path)[1:]}
    assert spans == {"gate/friday": (), "yard/friday": (), "yard/sunday": ((3, 9),)}
    (tmp_path / "labels.csv").write_text("clip,start,end\nfriday,3,9\n")
    with pytest.raises(UserError, match=r"line 2: friday may be gate/friday, yard/friday; write which"):
        find_clips(tmp_path)


def test_cameras_by_a_table(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "train/b.mp4", "test/a.mp4")
    (tmp_path / "labels.csv").write_text("clip,start,end\n")
    (tmp_path / "clips.csv").write_text("clip,camera\ntrain/a.mp4,gate\nb,yard\ntest/a,yard\n")
    assert [(clip.name, clip.scene) for clip in find_clips(tmp_path)] == [
        ("train_a", "gate"), ("train_b", "yard"), ("test_a", "yard"),
    ]  # fmt: skip
    (tmp_path / "clips.csv").write_text("clip,camera\na,gate\n")
    with pytest.raises(UserError, match=r"clips.csv has no row for train clip b.mp4; it must name every clip's camera"):
        find_clips(tmp_path)
    (tmp_path / "clips.csv").write_text("clip,camera\na,gate\nb,gate\nc,gate\n")
    with pytest.raises(UserError, match=r"clips.csv, line 4: there is no clip c"):
        find_clips(tmp_path)


def test_a_camera_that_training_never_saw_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(tmp_path, "train/gate/a.mp4", "test/roof/b.mp4")
    (tmp_path / "labels.csv").write_text("clip,start,end\n")
    find_clips(tmp_path)
    assert "no training clip of camera roof" in caplog.text


# --- what stands beside a layout ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "clip"),
    [
        (("Train/Train001/001.tif", "Test/Test001/001.tif", "Test/Test001_gt/001.bmp"), "Test001"),
        (("training_videos/01.avi", "testing_videos/02.avi", "ground_truth_demo/testing_label_mask/2_label.mat"), "02"),
        (("train/a.mp4", "test/b.mp4"), "b"),
        (("train/gate/a.mp4", "test/gate/b.mp4"), "gate/b"),
    ],
)
def test_tracks_beside_any_layout(tmp_path: Path, files: tuple[str, ...], clip: str) -> None:
    touch(tmp_path, *files, f"tracks/testing/{clip}.txt", "tracks/training/other.txt")
    (tmp_path / "labels.csv").write_text("clip,start,end\n")
    train, test = find_clips(tmp_path)
    assert test.tracks == tmp_path / f"tracks/testing/{clip}.txt"
    assert (test.stem, test.pixels is None, train.tracks) == (clip, False, None)


@pytest.mark.parametrize("name", ["NA", "nan", "null", "None", "1_0", "2026-11-25", "x}{y", "名"])
def test_any_name_is_a_name(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "train/a.mp4", f"test/{name}.mp4")
    (tmp_path / "labels.csv").write_text(f"clip,start,end\n{name},3,9\n")
    assert [(clip.name, clip.labels.spans) for clip in find_clips(tmp_path)[1:]] == [(name, ((3, 9),))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clip,start,end\nb,1_0,12\n", "must be whole numbers, found '1_0' and '12'"),
        ("clip,start,end\nb,\u0661,12\n", "must be whole numbers"),
        ("clip,start,end\nb,1.0,12\n", "must be whole numbers"),
        ("clip,start,end\nb,1\n", "2 values, but the header has 3"),
        ("clip,start,end\nb,1,2,3\n", "4 values, but the header has 3"),
        ("clip,start,start,end\nb,1,1,2\n", "has the column start twice"),
        ("clip;start;end\nb;1;2\n", "has no column clip, start, end"),
        ("", "has no column clip, start, end"),
        ('clip,start,end\n"b', "cannot be read as CSV"),
        ("clip,start,end\nb,1,2\0\n", "labels.csv"),
    ],
)
def test_malformed_labels_csv(tmp_path: Path, text: str, said: str) -> None:
    touch(tmp_path, "train/a.mp4", "test/b.mp4")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UserError, match=said) as error:
        find_clips(tmp_path)
    assert "\n" not in str(error.value)


# --- gt of a .mat ---------------------------------------------------------------------------------------------------


def gt(tmp_path: Path, *cells: object) -> list[tuple]:
    touch(tmp_path, "training/frames/01/000.jpg", *(f"testing/frames/{n:02d}/000.jpg" for n in range(len(cells))))
    values = np.empty((1, len(cells)), dtype=object)
    for index, cell in enumerate(cells):
        values[0, index] = cell
    scipy.io.savemat(tmp_path / "any.mat", {"gt": values})
    return [clip.labels.spans for clip in find_clips(tmp_path)[1:]]


def test_two_stretches_are_read_the_way_in_which_they_do_not_overlap(tmp_path: Path) -> None:
    assert gt(tmp_path, np.array([[3, 5], [11, 20]])) == [((2, 4), (10, 19))]
    assert gt(tmp_path, np.array([[3, 11], [5, 20]])) == [((2, 4), (10, 19))]


def test_either_orientation_and_no_stretch(tmp_path: Path) -> None:
    assert gt(tmp_path, np.array([[1, 4, 8], [2, 5, 9]]), np.zeros((0, 0))) == [((0, 1), (3, 4), (7, 8)), ()]
    assert gt(tmp_path, np.array([[1, 2], [4, 5], [8, 9]]), np.zeros((0, 2))) == [((0, 1), (3, 4), (7, 8)), ()]
    assert gt(tmp_path, np.array([[61], [180]]), np.array([[5], [9]])) == [((60, 179),), ((4, 8),)]
    assert gt(tmp_path, np.array([[61, 180]]), np.array([[5, 9]])) == [((60, 179),), ((4, 8),)]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("sixty", "holds no numbers"),
        ({"first": 1}, "holds no numbers"),
        (np.array([[1, 2, 3]]), "is 1 x 3; it must be 2 x k"),
        (np.array([[1.5], [3]]), "no frame number"),
        (np.array([[np.nan], [3]]), "no frame number"),
        (np.array([[9, 5], [3, 1]]), "fits neither"),
        (np.array([[1, 2], [5, 3]]).T, "fits neither"),
        (np.ones((3, 3)), "is 3 x 3"),
    ],
)
def test_cells_that_are_no_stretches(tmp_path: Path, cell: object, said: str) -> None:
    with pytest.raises(UserError, match=said):
        gt(tmp_path, cell)


def test_mat_of_version_7_3(tmp_path: Path) -> None:
    """As MATLAB writes it: a header of 512 bytes, arrays transposed, a cell array of references."""
    touch(tmp_path, "training/frames/01/000.jpg", "testing/frames/01/000.jpg", "testing/frames/02/000.jpg")
    cells = [np.array([[61], [180]]), np.array([[1, 20, 40], [5, 30, 50]])]
    with h5py.File(tmp_path / "any.mat", "w", userblock_size=512) as file:
        holder = file.create_dataset("gt", (2, 1), dtype=h5py.ref_dtype)
        for index, cell in enumerate(cells):
            file[f"#refs#/{index}"] = cell.T.astype(np.float64)
            file[f"#refs#/{index}"].attrs["MATLAB_class"] = np.bytes_("double")
            holder[index, 0] = file[f"#refs#/{index}"].ref
    with (tmp_path / "any.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    assert [clip.labels.spans for clip in find_clips(tmp_path)[1:]] == [((60, 179),), ((0, 4), (19, 29), (39, 49))]


def test_a_line_of_ucsd_s_script_that_is_commented_out(tmp_path: Path) -> None:
    touch(tmp_path, "Train/Train001/001.tif", "Test/Test001/001.tif")
    lines = "% TestVideoFile{end+1}.gt_frame = [1:9];\nTestVideoFile{end+1}.gt_frame = [61:180]; % one\n"
    (tmp_path / "Test/UCSDped2.m").write_text(lines)
    assert find_clips(tmp_path)[1].labels.spans == ((60, 179),)


@pytest.mark.parametrize(
    ("root", "line"),
    [
        ("", "should have at least 1 character|should not be empty"),
        ("~/videos", "should be a path in full"),
        (".", "should be the data set's own folder"),
        ("..", "should be the data set's own folder"),
        ("/", "should be the data set's own folder"),
        ("data", "should be the data set's own folder"),
        ("data/raw/..", "should be the data set's own folder"),
    ],
)
def test_a_root_that_holds_the_outputs_is_refused(tmp_path: Path, monkeypatch, root: str, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=line):
        params.validate(
            {"root": root, "layout": "auto", "fps": None, "size": None}, layouts.Params, "params.yaml: data"
        )


def test_a_root_inside_data_or_elsewhere_is_taken(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for root in ("data/raw/mine", "data/campus-sim", "/videos", "../videos"):
        values = VALUES | {"root": root}
        assert params.validate(values, layouts.Params, "data").root == root


def test_a_name_with_a_backslash_is_found_as_it_stands(tmp_path: Path) -> None:
    touch(tmp_path, "train/a\\b.mp4", "test/gate/c\\d.mp4", "test/gate/e.mp4")
    (tmp_path / "labels.csv").write_text("clip,start,end\ngate/c\\d,1,2\ngate\\e,3,4\n")
    (tmp_path / "clips.csv").write_text("clip,camera\na\\b,gate\nc\\d,gate\ntest\\gate\\e.mp4,gate\n")
    clips = find_clips(tmp_path)
    assert [(clip.stem, clip.scene) for clip in clips] == [("a\\b", "gate"), ("gate/c\\d", "gate"), ("gate/e", "gate")]
    assert [clip.labels.spans for clip in clips[1:]] == [((1, 2),), ((3, 4),)]
