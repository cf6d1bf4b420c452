import cv2
import numpy as np
import pandas as pd
import pytest

from vad.visualization import annotate, evidence_pictures, overlay, style


def rows(held_out: int = 100) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    parts = [
        ("calibration", 0, np.linspace(0, 1, held_out)),
        ("test", 0, rng.uniform(0, 1, 60)),
        ("test", 1, rng.uniform(2, 3, 60)),
    ]
    return pd.concat([pd.DataFrame({"role": role, "label": label, "score": own}) for role, label, own in parts])


def test_the_level_is_of_held_out_normal_video_alone():
    table = rows()
    assert evidence_pictures.level(table, 0.9) == pytest.approx(0.9)
    other = table.assign(score=table["score"] + 5 * (table["role"] == "test"), label=1 - table["label"])
    assert evidence_pictures.level(other, 0.9) == pytest.approx(0.9)
    assert np.isnan(evidence_pictures.level(table[table["role"] == "test"], 0.9))


def test_groups_are_normal_held_out_normal_and_abnormal_frames():
    found = evidence_pictures.groups(rows())
    assert {name: len(own) for name, own in found.items()} == {"held-out normal": 100, "normal": 60, "abnormal": 60}
    assert found["abnormal"].min() > found["normal"].max()
    assert list(evidence_pictures.groups(rows().query("label == 0"))) == ["held-out normal", "normal"]


def test_the_picture_is_the_same_each_time_and_shows_the_level(tmp_path):
    with style.style():
        for name in ("a", "b"):
            assert evidence_pictures.draw(rows(), 0.9, tmp_path / name, 60)
        assert evidence_pictures.draw(rows(), 0.2, tmp_path / "c", 60)
        assert not evidence_pictures.draw(rows().query("role != 'test'"), 0.9, tmp_path / "d", 60)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes() != (tmp_path / "c.png").read_bytes()
    assert (tmp_path / "a.pdf").exists()


def test_boxes_are_the_connected_regions_above_the_level():
    score_map = np.zeros((4, 8))
    score_map[1, 2] = score_map[2, 3] = 1.0  # touch at a corner
    score_map[3, 7] = 0.8
    score_map[0, 0] = np.nan
    assert overlay.boxes(score_map, 0.9) == [(2 / 8, 1 / 4, 4 / 8, 3 / 4)]
    assert len(overlay.boxes(score_map, 0.8)) == 2
    assert overlay.boxes(score_map, 1.1) == []


def test_a_box_of_a_single_frame_is_a_flicker():
    here, near, far = (0.1, 0.1, 0.3, 0.3), (0.2, 0.2, 0.4, 0.4), (0.8, 0.8, 0.9, 0.9)
    found = overlay.linked({4: [here, far], 5: [near], 7: [], 6: [far]})
    assert found == {4: [here], 5: [near], 6: [], 7: []}


def test_boxes_are_drawn_around_their_region():
    image = np.zeros((50, 100, 3), np.uint8)
    annotate._frame(image, [(0.2, 0.2, 0.6, 0.8)])
    drawn = cv2.boundingRect((image.max(2) > 0).astype(np.uint8))
    assert np.abs(np.array(drawn) - (20, 10, 40, 30)).max() <= 4
