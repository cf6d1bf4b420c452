from pathlib import Path

import numpy as np
import pytest

from vad.data import feature_files, feature_sets, weak_labels
from vad.pipeline.errors import UserError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_ucf_crime_s_lists(tmp_path):
    write(
        tmp_path / "Anomaly_Train.txt",
        "Abuse/Abuse001_x264.mp4\nTraining_Normal_Videos_Anomaly/Normal_Videos001_x264.mp4\n",
    )
    write(
        tmp_path / "Temporal_Anomaly_Annotation.txt",
        "Abuse028_x264.mp4  Abuse  165  240  -1  -1  \nArson011_x264.mp4  Arson  1  2  5  6\n"
        "Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1\n",
    )
    lists = weak_labels.read(tmp_path)
    assert lists.train == {"Abuse001_x264": 1, "Normal_Videos001_x264": 0}
    assert lists.test["Arson011_x264"].frames(8).tolist() == [0, 1, 1, 0, 0, 1, 1, 0]
    assert lists.test["Abuse028_x264"].kind == "Abuse"
    assert lists.test["Normal_Videos_003_x264"].frames(3).tolist() == [0, 0, 0]


def test_xd_violence_s_names_and_annotations(tmp_path):
    write(tmp_path / "annotations.txt", "v=one__#1_label_B2-0-0 2 3 6 6\n")
    names = ["v=one__#1_label_B2-0-0", "film__#00-1_label_A", "film__#00-2_label_B1-B2-G"]
    lists = weak_labels.read(tmp_path, names)
    assert lists.train == {"film__#00-1_label_A": 0, "film__#00-2_label_B1-B2-G": 1}
    assert lists.test["v=one__#1_label_B2-0-0"].frames(8).tolist() == [0, 0, 1, 1, 0, 0, 1, 0]


def test_shanghaitech_s_weak_split(tmp_path):
    folder = tmp_path / "weak_split"
    write(folder / "SH_Train_new.txt", "01_0014,1\n01_002,0\n")
    write(folder / "SH_Test_NEW.txt", "01_001,0,764\n01_0015,1,-1\n")
    with pytest.raises(UserError, match="01_0015 has no frame labels"):
        weak_labels.read(folder)
    (tmp_path / "testing/test_frame_mask").mkdir(parents=True)
    np.save(tmp_path / "testing/test_frame_mask/01_0015.npy", np.array([0, 1, 1], np.uint8))
    lists = weak_labels.read(folder)
    assert lists.train == {"01_0014": 1, "01_002": 0}
    assert lists.test["01_0015"].frames(3).tolist() == [0, 1, 1]
    assert lists.test["01_001"].frames(2).tolist() == [0, 0]
    assert [lists.test[clip].length for clip in ("01_001", "01_0015")] == [764, None]


def test_ubnormal_s_lists(tmp_path):
    write(tmp_path / "normal_training_video_names.txt", "normal_scene_1_scenario_1\n")
    write(tmp_path / "abnormal_training_video_names.txt", "abnormal_scene_1_scenario_2\n")
    write(tmp_path / "abnormal_test_video_names.txt", "abnormal_scene_2_scenario_1\n")
    tracks = "Scene2/abnormal_scene_2_scenario_1_annotations/abnormal_scene_2_scenario_1_tracks.txt"
    write(tmp_path / tracks, "1,1.0,2.0\n2,4.0,4.0\n")
    lists = weak_labels.read(tmp_path)
    assert lists.train == {"normal_scene_1_scenario_1": 0, "abnormal_scene_1_scenario_2": 1}
    assert lists.test["abnormal_scene_2_scenario_1"].frames(6).tolist() == [0, 1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip\na\n", "no column label"),
        ("clip,label\na,yes\n", "line 2: label of a is 'yes'"),
        ("clip,label\na,1\na,0\n", "line 3: a has two labels"),
        ("clip,label\n", "no rows"),
    ],
)
def test_a_wrong_weak_labels_csv_is_one_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        weak_labels.read_csv(write(tmp_path / "weak_labels.csv", text))


@pytest.mark.parametrize("numbers", ["20 10 -1 -1", "1_0 20 -1 -1", "-1 20 -1 -1", "1.5 20 -1 -1", "\u0661 20 -1 -1"])
def test_stretches_that_are_none_are_one_line(tmp_path, numbers):
    """One that ran backwards was left out without a word, so that its video counted as normal."""
    write(tmp_path / "Anomaly_Train.txt", "Abuse/a.mp4\n")
    write(tmp_path / "Temporal_Anomaly_Annotation.txt", f"b.mp4 Abuse {numbers}\n")
    with pytest.raises(UserError, match=r"Annotation.txt, line 1: frame.*(are no stretch|must be whole)"):
        weak_labels.read(tmp_path)


@pytest.mark.parametrize("row", ["1,a,b", "1", "1,5,2"])
def test_tracks_of_ubnormal_that_are_none_are_one_line(tmp_path, row):
    write(tmp_path / "abnormal_training_video_names.txt", "a\n")
    write(tmp_path / "abnormal_test_video_names.txt", "b\n")
    write(tmp_path / "x/b_annotations/b_tracks.txt", row)
    with pytest.raises(UserError, match=r"b_tracks.txt, line 1"):
        weak_labels.read(tmp_path)


def test_two_names_of_one_video_with_two_labels(tmp_path):
    write(tmp_path / "weak_labels.csv", "clip,label\na.mp4,1\na_i3d,0\n")
    with pytest.raises(UserError, match="a has two labels"):
        weak_labels.read(tmp_path)


@pytest.mark.parametrize("frames", ["1_0", "many", "-3", "1.5", ""])
def test_lengths_that_are_no_numbers_are_one_line(tmp_path, frames):
    np.save(tmp_path / "a.npy", np.zeros((4, 3), np.float32))
    write(tmp_path / "weak_labels.csv", "clip,label\na,1\n")
    write(tmp_path / feature_sets.FRAMES, f"clip,frames\na,{frames}\n")
    with pytest.raises(UserError, match=rf"{feature_sets.FRAMES}, line 2: frames of a must be their number"):
        feature_sets.load(tmp_path)


def test_no_list_names_the_way_out(tmp_path):
    with pytest.raises(UserError, match="header clip,label"):
        weak_labels.read(tmp_path)


def test_features_of_every_form_are_read(tmp_path):
    rows = np.arange(24, dtype=np.float32).reshape(4, 6)
    np.save(tmp_path / "one_i3d.npy", rows)
    np.save(tmp_path / "ten.npy", np.repeat(rows[:, None], 10, axis=1))
    for crop in range(5):
        np.save(tmp_path / f"film_label_A__{crop}.npy", rows + crop)
    np.savetxt(tmp_path / "Abuse001_x264.txt", rows)
    found = feature_files.find(tmp_path)
    assert {name: one.crops for name, one in found.items()} == {
        "one": 1, "ten": 10, "film_label_A": 5, "Abuse001_x264": 1,
    }  # fmt: skip
    for name, one in found.items():
        np.testing.assert_array_equal(one.read(one.crops - 1), rows + (4 if name.startswith("film") else 0))


@pytest.mark.parametrize("content", ["two arrays", "text", "nothing"])
def test_features_that_are_no_array_of_numbers_are_one_line(tmp_path, content):
    path = tmp_path / "a.npy"
    with open(path, "wb") as file:
        if content == "two arrays":
            np.savez(file, x=np.zeros((4, 3)), y=np.zeros((4, 3)))
        elif content == "text":
            np.save(file, np.array([["a", "b"]]))
    with pytest.raises(UserError, match=r"a\.npy"):
        feature_files.find(tmp_path)


def test_features_are_read_lazily(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros((1000, 6), np.float32))
    assert isinstance(feature_files.find(tmp_path)["one"].read(), np.memmap)


def test_features_that_differ_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 6)))
    np.save(tmp_path / "b.npy", np.zeros((3, 7)))
    with pytest.raises(UserError, match="6 values a snippet"):
        feature_files.find(tmp_path)
    np.save(tmp_path / "b.npy", np.zeros(3))
    with pytest.raises(UserError, match="is not"):
        feature_files.find(tmp_path)


def test_each_frame_gets_its_snippet_s_score():
    scores = np.array([1.0, 2.0, 3.0])
    assert feature_sets.to_frames(scores, 7).tolist() == [1, 1, 1, 2, 2, 3, 3]
    assert feature_sets.to_frames(scores, 3).tolist() == [1, 2, 3]


def test_segments_need_a_length(tmp_path):
    write(tmp_path / "Anomaly_Train.txt", "Abuse/a.mp4\nNormal/b.mp4\n")
    write(tmp_path / "Temporal_Anomaly_Annotation.txt", "c.mp4 Abuse 0 3 -1 -1\n")
    (tmp_path / "features").mkdir()
    for name in "abc":
        np.savetxt(tmp_path / "features" / f"{name}.txt", np.ones((32, 4)))
    data = feature_sets.load(tmp_path, tmp_path / "features")
    with pytest.raises(UserError, match=r"frames\.csv"):
        data.frame_labels(*data.test[0])
    write(tmp_path / "frames.csv", "clip,frames\nc.mp4,6\n")
    data = feature_sets.load(tmp_path, tmp_path / "features")
    assert data.frame_labels(*data.test[0]).tolist() == [1, 1, 1, 1, 0, 0]
