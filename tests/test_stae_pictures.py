import cv2
import numpy as np
import pandas as pd
import pytest

from tests.test_stae import PARAMS, make_clip, make_clips
from vad.detectors.stae import detector as stae
from vad.detectors.stae.network import WINDOW
from vad.detectors.stae.windows import SPAN, film
from vad.visualization import stae_pictures, style


@pytest.fixture
def detector(tmp_path, monkeypatch) -> stae.Detector:
    monkeypatch.setattr(stae, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setenv("VAD_WORKERS", "1")
    monkeypatch.setenv("VAD_DEVICE", "cpu")
    return stae.Detector(stae.fit(make_clips(tmp_path), PARAMS, seed=0), PARAMS)


def rows(*entries: tuple) -> pd.DataFrame:
    return pd.DataFrame(entries, columns=["clip", "frame", "role", "score"])


def test_strips_are_the_films_own_frames_and_what_the_network_makes_of_them(detector, tmp_path):
    seen = film(make_clip(tmp_path, "01_004", frames=60), np.arange(60), 0.1)
    made = stae_pictures.strips(detector, seen, 5)
    assert made.shape == (4, WINDOW, 128, 128)
    np.testing.assert_array_equal(made[0], seen.pictures[5 : 5 + WINDOW])
    np.testing.assert_array_equal(made[2], seen.pictures[5 + WINDOW : 5 + SPAN])


@pytest.mark.parametrize(("frame", "first"), [(0, 0), (30, 6), (59, 28), (None, 0)])
def test_window_has_the_peak_in_the_middle_of_its_future_and_stays_in_the_film(tmp_path, frame, first):
    seen = film(make_clip(tmp_path, "01_004", frames=60), np.arange(60), 0.1)
    begin = stae_pictures.start(seen, frame)
    assert 0 <= begin <= len(seen.frames) - SPAN
    if frame is not None:
        assert begin == first


def test_the_highest_test_frame_beside_a_held_out_clip_of_its_scene(tmp_path):
    clips = [make_clip(tmp_path, name) for name in ("01_001", "01_002", "01_003")]
    table = rows(
        ("01_001", 3, "calibration", 0.99), ("01_002", 7, "test", 0.8), ("01_002", 8, "test", 0.9),
        ("01_003", 1, "test", 0.9), ("elsewhere", 0, "test", 1.0),
    )  # fmt: skip
    normal, peak = stae_pictures.examples(table, clips)
    assert (normal.clip.name, normal.frame) == ("01_001", None)
    assert (peak.clip.name, peak.frame) == ("01_002", 8)
    assert stae_pictures.examples(table[table["role"] == "calibration"], clips) == []


def test_picture_of_two_windows_or_of_one(detector, tmp_path):
    clip = make_clip(tmp_path, "01_004")
    both = [stae_pictures.Example("normal", clip), stae_pictures.Example("peak", clip, 20)]
    sizes = []
    with style.style():
        for shown in (both, both[1:]):
            stae_pictures.draw(detector, shown, tmp_path / "stae", 60)
            sizes.append(cv2.imread(str(tmp_path / "stae.png")).shape)
    assert sizes[0][0] == sizes[1][0]
    assert sizes[0][1] > sizes[1][1]
