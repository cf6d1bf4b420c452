import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from vad.data.frames import Clip, ClipWriter
from vad.detectors.stae import detector as stae
from vad.detectors.stae.errors import Errors, energy, floors, unexplained
from vad.detectors.stae.network import WINDOW, Network, horizon_weights, loss
from vad.detectors.stae.windows import CONTRAST, SPAN, Film, Windows, film
from vad.pipeline import params as parameters
from vad.pipeline.errors import CannotFit

PARAMS = parameters.validate(
    {
        "steps": 3,
        "batch": 2,
        "crop": 64,
        "learning_rate": 0.01,
        "memory": 0.9,
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
        "block": 6,
        "whole_floor": 1.0,
        "block_floor": 0.1,
        "prediction_share": 0.75,
        "block_share": 0.75,
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
    first = windows.draw(2, seed=1, step=5, crop=64, blur=1.0, tilt=5.0)
    windows.draw(2, seed=1, step=6, crop=64, blur=1.0, tilt=5.0)
    np.testing.assert_array_equal(windows.draw(2, seed=1, step=5, crop=64, blur=1.0, tilt=5.0), first)
    assert (windows.draw(2, seed=1, step=6, crop=64, blur=1.0, tilt=5.0) != first).any()
    plain = windows.draw(1, seed=1, step=5, crop=128, blur=0.0, tilt=0.0)[0, 0]
    cuts = [windows._cut(place)[::way] for place in range(len(windows.places)) for way in (1, -1)]
    assert any((plain == cut).all() for cut in cuts)


def test_windows_in_which_more_moves_are_drawn_more_often(tmp_path):
    still, moving = make_clip(tmp_path, "01_001", 32), make_clip(tmp_path, "01_002", 32, large_from=0)
    windows = Windows([film(clip, clip.frames, 0.1) for clip in (still, moving)])
    assert len(windows.chances) == 2
    assert windows.chances.sum() == pytest.approx(1)
    assert windows.chances[1] > 1.5 * windows.chances[0]


def test_unexplained_is_error_over_energy_of_the_frame_and_of_the_worst_block():
    errors, energies = np.zeros((2, 1, 8, 8)), np.zeros((1, 8, 8))
    errors[0, 0, 1:4, 2:5], energies[0, 1:4, 2:5] = 9.0, 17.0  # a block with half of 17 + 1 unexplained
    energies[0, 5:8, 5:8] = 99.0  # more motion, all explained
    values, local = unexplained(errors, energies, block=3, floor=np.array([0.0, 1.0]))
    np.testing.assert_allclose(values[:, 0], [[81 / (9 * 17 + 9 * 99), 0.5], [0, 0]])
    assert np.unravel_index(local[0, 0].argmax(), (8, 8)) == (2, 3)


def test_floors_are_shares_of_the_mean_frame_and_of_the_mean_largest_block():
    energies = np.zeros((2, 8, 8))
    energies[0, 2:5, 2:5] = 64.0
    np.testing.assert_allclose(floors([energies], 3, (2.0, 0.1)), [2.0 * 64 * 9 / 128, 0.1 * 32])


def test_energy_is_the_squared_difference_to_the_background():
    pictures = np.full((40, 128, 128), 50, np.uint8)
    pictures[:, :4, 4:8] = 50 + 32
    still = energy(Film(np.arange(40), pictures, np.full((128, 128), 50, np.uint8)))
    assert still.shape == (40, 32, 32)
    np.testing.assert_allclose(still[:, 0, 1], (32 / CONTRAST) ** 2, rtol=1e-5)
    assert still.sum() == pytest.approx(40 * (32 / CONTRAST) ** 2, rel=1e-5)


def test_a_frames_error_is_the_mean_of_the_windows_that_see_it(monkeypatch):
    def numbered(self, seen, starts):
        for start in starts:  # a window that begins at s errs by 1 + s everywhere
            yield np.full((2, WINDOW, 32, 32), 1.0 + start)

    monkeypatch.setattr(Errors, "windows", numbered)
    seen = Film(np.arange(40), np.zeros((40, 128, 128), np.uint8), np.zeros((128, 128), np.uint8))
    usual = np.stack([np.ones(WINDOW), np.full(WINDOW, 2.0)])
    found = Errors(None, "cpu", stride=8, batch=1).frames(seen, usual)[:, :, 0, 0]  # windows at 0, 8, 16, 24
    np.testing.assert_allclose(found[0, [0, 7, 8, 15, 24, 39]], [1, 1, 5, 5, 21, 25])
    backwards = (1 * 9 + 9 * 17) / (1 + 9)  # frame 0 is the 40th backwards: 16 ahead of window 8, 8 ahead of window 16
    np.testing.assert_allclose(found[1, 0], backwards / 2, rtol=1e-5)
    near, far = horizon_weights().numpy()[[0, 8]]
    np.testing.assert_allclose(found[1, 16], 1 / 2)  # foretold by the window at 0 alone
    np.testing.assert_allclose(found[1, 24], (1 * far + 9 * near) / (far + near) / 2, rtol=1e-5)


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
    assert np.median(abnormal) > np.median(normal) + 1
    heat = maps[-5]
    assert heat[20:30].mean() > 3 * heat[:10].mean()
    regularity = stae.regularity(scores)
    assert (regularity.min(), regularity.max()) == (0, 1)
    assert regularity.argmin() == scores.argmax()


def test_a_clip_shorter_than_a_window_is_scored(tmp_path):
    state = stae.fit(make_clips(tmp_path), PARAMS, seed=0)
    scores, maps = stae.Detector(state, PARAMS).score(make_clip(tmp_path, "01_005", frames=9))
    assert len(scores) == len(maps) == 9
    assert np.isfinite(scores).all()


def test_training_stops_when_the_holdout_no_longer_gains(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("vad.detectors.stae.training.loss", lambda *_: torch.tensor(1.0, requires_grad=True))
    with caplog.at_level("INFO"):
        stae.fit(make_clips(tmp_path), PARAMS.model_copy(update={"steps": 50, "patience": 2}), seed=0)
    assert "6 steps" in caplog.text  # the first look sets the best, two more bring nothing


def test_clips_that_are_all_too_short_are_an_error(tmp_path):
    with pytest.raises(CannotFit, match=r"no training clip is .* s long \(32 frames"):
        stae.fit([make_clip(tmp_path, "01_001", frames=20)], PARAMS, 0)


def test_a_killed_training_resumes_to_the_weights_of_an_uninterrupted_one(tmp_path, caplog):
    (tmp_path / "clips").mkdir()
    clips = make_clips(tmp_path / "clips")
    whole = stae.fit(clips, LONGER, seed=3)
    script = (
        "import sys; from pathlib import Path; from tests import test_stae as t\n"
        "from vad.detectors.stae import detector as stae\n"
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
