import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.test_streaming import looked_at, same
from vad.data.frames import Clip, ClipWriter
from vad.detectors.stae import detector as stae
from vad.detectors.stae.errors import by_cell, floors, unexplained
from vad.detectors.stae.following import LATE, LATEST, Following, Ground
from vad.detectors.stae.network import WINDOW, Network, horizon_weights, loss
from vad.detectors.stae.windows import BACKGROUND_FRAMES, CONTRAST, SPAN, Windows, film
from vad.perception.sight import Sight, View
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


def test_errors_by_cell_are_mean_squares():
    wrong = np.zeros((3, 128, 128), np.float32)
    wrong[1, :4, 4:8] = 2.0
    wrong[1, 3, 7] = 6.0
    found = by_cell(wrong)
    assert found.shape == (3, 32, 32)
    assert found[1, 0, 1] == pytest.approx((15 * 4 + 36) / 16)
    assert found.sum() == pytest.approx(found[1, 0, 1])


def numbered(past: np.ndarray) -> np.ndarray:
    """A network that is off by the number of its window's first picture, plus one, everywhere."""
    first = float(past[0, 0, 0])
    return np.stack([past + 1 + first, np.arange(16, 32)[:, None, None] + past[:1] + 1 + first])


def followed(length: int, stride: int = 8) -> list:
    """Pictures whose level is their number, by :func:`numbered`, prediction errors in halves."""
    usual = np.stack([np.ones(WINDOW), np.full(WINDOW, 2.0)])
    following, found = Following(numbered, usual, stride), []
    for number in range(length):
        now = following.push(np.full((128, 128), number, np.float32))
        assert len(now) == (number > LATEST or (WINDOW + 1) * (number == LATEST))
        found += now
    return found + following.finish()


def test_a_pictures_error_is_the_mean_of_the_windows_that_see_it():
    found = followed(40)  # windows at 0, 8, 16, 24
    errors = np.stack([one.errors[:, 0, 0] for one in found], axis=1)
    assert errors.shape == (2, 40)
    squared = [(1 + start) ** 2 for start in (0, 8, 16, 24)]
    expected = [squared[0], squared[0], np.mean(squared[:2]), np.mean(squared[:2]), np.mean(squared[2:]), squared[3]]
    np.testing.assert_allclose(errors[0, [0, 7, 8, 15, 24, 39]], expected)
    near, far = horizon_weights().numpy()[[0, 8]]
    # Backwards from 31 to 16 and from 23 to 8: at place p a window whose first picture is n foretells 16 + p + 2 n + 1.
    ahead = [(16 + 0 + 2 * 31 + 1 - 15) ** 2, (16 + 8 + 2 * 31 + 1 - 7) ** 2, (16 + 0 + 2 * 23 + 1 - 7) ** 2]
    assert errors[1, 15] == pytest.approx(ahead[0] / 2)
    assert errors[1, 7] == pytest.approx((ahead[1] * far + ahead[2] * near) / (far + near) / 2)
    assert errors[1, 16] == pytest.approx(1 / 2)  # foretold by the window at 0 alone
    assert errors[1, 24] == pytest.approx((1 * far + 81 * near) / (far + near) / 2)


def test_the_last_pictures_are_seen_by_a_window_that_ends_with_them():
    errors = np.stack([one.errors[0, 0, 0] for one in followed(43)])
    assert len(errors) == 43
    assert errors[42] == pytest.approx((1 + 27) ** 2)
    assert errors[30] == pytest.approx(np.mean([(1 + start) ** 2 for start in (16, 24, 27)]))


def test_energy_is_the_smoothed_squared_difference():
    following = Following(lambda past: np.zeros((2, *past.shape), np.float32), np.ones((2, WINDOW)), 8)
    found = []
    for number in range(60):
        moving = np.zeros((128, 128), np.float32)
        moving[:4, 4:8] = 0.5 + (number == 30)
        found += following.push(moving)
    energies = np.stack([one.energy for one in found + following.finish()])
    assert energies.shape == (60, 32, 32)
    np.testing.assert_allclose(energies[[0, 10, 21, 39, 59], 0, 1], 0.25, rtol=1e-6)
    assert energies[30, 0, 1] == pytest.approx(0.25 + (2.25 - 0.25) / (2 * np.sqrt(2 * np.pi)), rel=1e-3)
    assert energies[:, 5:].sum() == 0


def test_memory_of_following_is_bounded():
    following, sizes = Following(lambda past: np.stack([past, past]), np.ones((2, WINDOW)), 8), []
    for _ in range(200):
        following.push(np.zeros((128, 128), np.float32))
        sizes.append((len(following._sums), len(following._energies), len(following._foretold), len(following._moving)))
    assert max(sizes) == max(sizes[30:60])
    assert following._ended <= following._next


def test_the_ground_is_the_scenes_and_follows_what_stays():
    known = np.full((BACKGROUND_FRAMES, 128, 128), 100, np.uint8)
    picture = known[0].copy()
    picture[50:60, 50:60] = 164
    ground = Ground(known)
    moving = ground.moving(0, picture)
    np.testing.assert_array_equal(moving[50:60, 50:60], 1.0)
    assert moving.sum() == 100
    np.testing.assert_array_equal(ground.moving(1, picture + 10), moving)  # it got lighter
    for number in range(2, 20 * BACKGROUND_FRAMES):
        moving = ground.moving(number, picture)
    assert not moving.any()  # what has stayed for half a minute and more belongs there


def test_a_camera_that_was_not_fitted_has_its_ground_from_what_it_shows():
    ground, moving = Ground(None), None
    for number in range(60):
        picture = np.full((128, 128), 100, np.uint8)
        picture[60:72, 2 * number : 2 * number + 8] = 200
        moving = ground.moving(number, picture)
    assert (np.abs(moving) > 0.5).sum() == 12 * 8


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


def test_a_stream_says_the_same_as_the_clip(tmp_path):
    detector = stae.Detector(stae.fit(make_clips(tmp_path), PARAMS, seed=0), PARAMS)
    for fps, frames in ((10.0, 81), (24.0, 100)):  # every picture, and every second one
        clip = replace(make_clip(tmp_path, "01_007", frames=frames, large_from=40), fps=fps)
        same(detector, clip, looked_at(clip))


def test_a_stream_looks_ahead_no_further_than_it_says(tmp_path):
    detector = stae.Detector(stae.fit(make_clips(tmp_path), PARAMS, seed=0), PARAMS)
    clip = make_clip(tmp_path, "01_007", frames=81)
    other = make_clip(tmp_path, "01_017", frames=81, large_from=50)
    streams = [detector.stream(looked_at(one)) for one in (clip, other)]
    found = [[one.score for frame in range(65) for one in stream.push(Sight([View(frame, source.read(frame))]))]
             for stream, source in zip(streams, (clip, other), strict=True)]  # fmt: skip
    known = 50 - LATE
    assert len(found[0]) == 65 - LATE
    assert found[0][:known] == found[1][:known]
    assert found[0][49] != found[1][49]


def test_a_few_frames_score_as_among_all(tmp_path):
    detector = stae.Detector(stae.fit(make_clips(tmp_path), PARAMS, seed=0), PARAMS)
    clip = make_clip(tmp_path, "01_007", frames=81, large_from=40)
    every, _ = detector.score(clip)
    few, _ = detector.score(clip.only([3, 40, 80]))
    np.testing.assert_array_equal(few, every[[3, 40, 80]])


def test_engines_say_the_same(tmp_path):
    detector = stae.Detector(stae.fit(make_clips(tmp_path), PARAMS, seed=0), PARAMS)
    clip = make_clip(tmp_path, "01_007", frames=50, large_from=30)
    scores, maps = detector.score(clip)
    detector.export(tmp_path / "head_stae.onnx")
    for engine in ("onnxruntime", "openvino"):
        detector.run_by(engine, tmp_path / "head_stae.onnx")
        others, other_maps = detector.score(clip)
        np.testing.assert_allclose(others, scores, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(other_maps.astype(float), maps.astype(float), rtol=2e-3, atol=1e-4)


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
