import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vad import params as parameters
from vad import stae, stae_pictures
from vad.errors import UserError
from vad.frames import Clip, ClipWriter
from vad.stae_network import WINDOW, Network, horizon_weights, loss
from vad.stae_windows import CONTRAST, SPAN, Windows, film

PARAMS = parameters.validate(
    {
        "steps": 3,
        "batch": 2,
        "learning_rate": 0.01,
        "widths": [2, 2, 2, 2],
        "prediction_weight": 0.5,
        "blur": 1.0,
        "tilt": 5.0,
        "step_seconds": 0.1,
        "max_frames": 10000,
        "holdout_every": 3,
        "holdout_windows": 2,
        "evaluate_every": 2,
        "patience": 100,
        "checkpoint_every": 2,
        "score_stride": 8,
        "block": 3,
    },
    stae.Params,
    "stae",
)


def make_clip(folder: Path, name: str, frames: int = 40, large_from: int | None = None) -> Clip:
    """A clip of a small square that moves over a gray ramp; from ``large_from`` on, a large bright one too."""
    path = folder / f"{name}.zip"
    with ClipWriter(path, 95) as writer:
        for frame in range(frames):
            picture = np.tile(np.linspace(60, 120, 128).astype(np.uint8), (128, 1))
            x = (3 * frame + 7 * int(name[-1])) % 110
            picture[60:72, x : x + 8] = 200
            if large_from is not None and frame >= large_from:
                x = (9 * frame) % 80
                picture[80:120, x : x + 40] = 255
            writer.add(frame, picture)
    numbers = np.arange(frames)
    return Clip(name, "01", "train", 10.0, numbers, np.zeros(frames, np.int8), numbers, path=path, size=(128, 128))


def make_clips(folder: Path) -> list[Clip]:
    return [make_clip(folder, f"01_00{i}") for i in range(3)]


@pytest.fixture(autouse=True)
def _few_resources(tmp_path, monkeypatch):
    monkeypatch.setattr(stae, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setenv("VAD_WORKERS", "1")
    monkeypatch.setenv("VAD_DEVICE", "cpu")


def test_network_gives_back_the_shape_it_got():
    reconstruction, prediction = Network((2, 3, 4, 5))(torch.zeros(1, 1, WINDOW, 128, 128))
    assert reconstruction.shape == prediction.shape == (1, 1, WINDOW, 128, 128)


def test_loss_weighs_the_frames_ahead_less_and_less():
    weights = horizon_weights()
    assert weights.sum() == pytest.approx(1)
    assert (weights.diff() < 0).all()
    windows = torch.zeros(2, 1, SPAN, 8, 8)
    windows[:, :, 3] = 4.0  # past: 16 / 16 frames = mean square 1
    windows[:, :, WINDOW + 5] = 3.0  # the sixth frame ahead: mean square 9

    def blind(past: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros_like(past), torch.zeros_like(past)

    assert loss(blind, windows, 0.5).item() == pytest.approx(1 + 0.5 * 9 * weights[5].item())


def test_film_is_the_difference_to_the_median_picture(tmp_path):
    clip = make_clip(tmp_path, "01_001")
    seen = film(clip, clip.frames, 0.2)
    np.testing.assert_array_equal(seen.frames, np.arange(0, 40, 2))
    moving = seen.moving(np.array([0, 500]))
    assert np.abs(moving[0, :50]).max() * CONTRAST < 4  # JPEG noise alone where nothing moves
    assert moving[0, 62:70, 8:14].min() * CONTRAST > 80
    np.testing.assert_array_equal(moving[1], seen.moving(slice(19, 20))[0])


def test_draws_depend_on_seed_and_step_alone(tmp_path):
    windows = Windows([film(clip, clip.frames, 0.1) for clip in make_clips(tmp_path)])
    first = windows.draw(2, seed=1, step=5, blur=1.0, tilt=5.0)
    windows.draw(2, seed=1, step=6, blur=1.0, tilt=5.0)
    np.testing.assert_array_equal(windows.draw(2, seed=1, step=5, blur=1.0, tilt=5.0), first)
    assert (windows.draw(2, seed=1, step=6, blur=1.0, tilt=5.0) != first).any()
    plain = windows.draw(1, seed=1, step=5, blur=0.0, tilt=0.0)[0, 0]
    assert any((plain == windows._cut(place)).all() for place in range(len(windows.places)))


def test_windows_in_which_more_moves_are_drawn_more_often(tmp_path):
    still, moving = make_clip(tmp_path, "01_001", 32), make_clip(tmp_path, "01_002", 32, large_from=0)
    windows = Windows([film(clip, clip.frames, 0.1) for clip in (still, moving)])
    assert len(windows.chances) == 2
    assert windows.chances.sum() == pytest.approx(1)
    assert windows.chances[1] > 1.5 * windows.chances[0]


def test_block_errors_are_the_mean_and_the_largest_block():
    maps = np.zeros((2, 1, 6, 6))
    maps[0, 0, 1:4, 2:5] = 9.0
    maps[0, 0, 5, 0] = 18.0
    values = stae.block_errors(maps, 3)
    assert values.shape == (2, 1, 2)
    np.testing.assert_allclose(values[:, 0], [[(81 + 18) / 36, 9.0], [0, 0]])


def test_scores_every_frame_and_finds_the_large_object(tmp_path):
    state = stae.fit(make_clips(tmp_path), PARAMS, seed=0)
    clip = make_clip(tmp_path, "01_007", frames=81, large_from=40)
    detector = stae.Detector(state, PARAMS)
    scores, maps = detector.score(clip.only(range(1, 80, 2)))
    assert scores.shape == (40,)
    assert maps.shape == (40, 32, 32)
    assert np.isfinite(scores).all()
    assert np.isfinite(maps).all()
    normal, abnormal = scores[clip.frames[1:80:2] < 24], scores[clip.frames[1:80:2] >= 40]
    assert abnormal.min() > normal.max()
    heat = maps[-5]
    assert heat[20:30].mean() > 3 * heat[:10].mean()
    regularity = detector.regularity(scores)
    assert (regularity.min(), regularity.max()) == (0, 1)
    assert regularity.argmin() == scores.argmax()


def test_a_clip_shorter_than_a_window_is_scored(tmp_path):
    state = stae.fit(make_clips(tmp_path), PARAMS, seed=0)
    scores, maps = stae.Detector(state, PARAMS).score(make_clip(tmp_path, "01_005", frames=9))
    assert len(scores) == len(maps) == 9
    assert np.isfinite(scores).all()


def test_training_stops_when_the_holdout_no_longer_gains(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("vad.stae_training.loss", lambda *_: torch.tensor(1.0, requires_grad=True))
    with caplog.at_level("INFO"):
        stae.fit(make_clips(tmp_path), PARAMS.model_copy(update={"steps": 50, "patience": 2}), seed=0)
    assert "6 steps" in caplog.text  # the first look sets the best, two more bring nothing


def test_clips_that_are_all_too_short_are_an_error(tmp_path):
    with pytest.raises(UserError, match=r"no training clip has 32 frames"):
        stae.fit([make_clip(tmp_path, "01_001", frames=20)], PARAMS, 0)


def test_pictures_show_four_rows(tmp_path):
    state = stae.fit(make_clips(tmp_path), PARAMS, seed=0)
    detector = stae.Detector(state, PARAMS)
    clip = make_clip(tmp_path, "01_004")
    seen = film(clip, clip.stored, 0.1)
    strips = stae_pictures.strips(detector, seen)
    assert strips.shape == (4, WINDOW, 128, 128)
    start = stae_pictures.most_moving(seen)
    np.testing.assert_array_equal(strips[0], seen.pictures[start : start + WINDOW])
    np.testing.assert_array_equal(strips[2], seen.pictures[start + WINDOW : start + SPAN])
    stae_pictures.pictures(detector, clip, tmp_path / "stae.png")
    assert cv2.imread(str(tmp_path / "stae.png")).shape[0] == 4 * 160


def test_a_killed_training_resumes_to_the_weights_of_an_uninterrupted_one(tmp_path, caplog):
    (tmp_path / "clips").mkdir()
    clips = make_clips(tmp_path / "clips")
    whole = stae.fit(clips, LONGER, seed=3)
    script = (
        "import sys; from pathlib import Path; from tests import test_stae as t; from vad import stae\n"
        "stae.CHECKPOINTS = Path(sys.argv[1]); stae.fit(t.make_clips(Path(sys.argv[2])), t.LONGER, seed=3)"
    )
    command = [sys.executable, "-c", script, str(stae.CHECKPOINTS), str(tmp_path / "clips")]
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    child = subprocess.Popen(command, env=os.environ | threads, stderr=subprocess.DEVNULL)
    while not list(stae.CHECKPOINTS.glob("*.pt")):
        assert child.poll() is None, "the training ended without a checkpoint"
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    with caplog.at_level("INFO"):
        resumed = stae.fit(clips, LONGER, seed=3)
    assert "resuming at step" in caplog.text
    assert whole.keys() == resumed.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, resumed[name], err_msg=name)
    assert not list(stae.CHECKPOINTS.glob("*.pt"))


LONGER = PARAMS.model_copy(update={"steps": 16, "evaluate_every": 4})
