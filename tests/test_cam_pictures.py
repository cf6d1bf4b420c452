import cv2
import numpy as np
import pandas as pd
import pytest

from tests.test_gradcam import backbone, params  # noqa: F401 (a fixture)
from tests.test_padim import make_clip
from vad.detectors import gradcam
from vad.visualization import cam_pictures, style


def rows(*entries: tuple) -> pd.DataFrame:
    return pd.DataFrame(entries, columns=["clip", "frame", "role", "label", "score"])


def test_the_highest_frame_after_the_most_ordinary_normal_one_of_its_scene(tmp_path):
    clips = [make_clip(tmp_path, name, name[0], 4, 90) for name in ("a1", "a2", "b1")]
    table = rows(
        ("a1", 0, "test", 0, 0.4), ("a1", 1, "test", 0, 0.3), ("a2", 2, "test", 1, 0.95), ("a2", 1, "test", 1, 0.1),
        ("b1", 0, "test", 0, 0.01), ("b1", 3, "calibration", 0, 1.0), ("unknown", 0, "test", 1, 1.0),
    )  # fmt: skip
    found = [(clip.name, frame, kind) for clip, frame, kind in cam_pictures.examples(table, clips)]
    assert found == [("a1", 1, "normal"), ("a2", 2, "abnormal")]
    elsewhere = table.drop([0, 1])
    found = [(clip.name, frame, kind) for clip, frame, kind in cam_pictures.examples(elsewhere, clips)]
    assert found == [("b1", 0, "normal"), ("a2", 2, "abnormal")]
    assert cam_pictures.examples(table[table["role"] != "test"], clips) == []


def test_maps_are_the_frames_own_the_scenes_reference_and_their_dissimilarity(tmp_path, backbone):  # noqa: F811
    clip = make_clip(tmp_path, "a", "a", 3, 90)
    state = gradcam.fit([clip], params(), 0, backbone)
    maps = cam_pictures._maps(clip.read(1), "a", state, params(), backbone)
    np.testing.assert_allclose(maps[0], gradcam.cams(clip.read(1)[None], params(), backbone)[0], atol=1e-6)
    np.testing.assert_array_equal(maps[1], state["scene/a"])
    _, full = gradcam.Detector(state, params(), backbone).score(clip)
    np.testing.assert_allclose(maps[2], full[1], atol=2e-3)
    np.testing.assert_array_equal(
        cam_pictures._maps(clip.read(1), "new", state, params(), backbone)[1], state["global"]
    )


def test_picture_has_a_row_per_frame(tmp_path, backbone):  # noqa: F811
    clip = make_clip(tmp_path, "a", "a", 3, 90)
    state = gradcam.fit([clip], params(), 0, backbone)
    shown = [(clip, 0, "normal"), (clip, 2, "abnormal")]
    heights = []
    with style.style():
        for some in (shown, shown[:1]):
            cam_pictures.draw(state, params(), backbone, some, 0.7, tmp_path / "cams", 60)
            heights.append(cv2.imread(str(tmp_path / "cams.png")).shape[0])
    assert heights[0] > 1.5 * heights[1]


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch):
    monkeypatch.setenv("VAD_WORKERS", "1")
