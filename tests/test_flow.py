import numpy as np
import pytest

from tests import moving_squares as squares
from vad.perception import flow


def test_working_size_is_whole_cells_and_never_enlarges():
    assert flow.working_size((856, 480), 240) == (428, 240)
    assert flow.working_size((160, 120), 240) == (160, 120)


def test_flow_is_the_speed_of_what_moves_in_heights_per_second(tmp_path):
    clip = squares.clip(tmp_path, "a", speed=2.0).only([10])
    ((frames, flows),) = flow.averaged(clip, 240, 0)
    x, y = (squares.left(10, 2.0) + squares.WIDE // 2) // flow.CELL, (50 + squares.TALL // 2) // flow.CELL
    assert list(frames) == [10]
    assert flows.shape == (1, 30, 40, 2)
    assert flows[0, y, x, 0] == pytest.approx(2.0 * squares.FPS / squares.HEIGHT, rel=0.2)
    assert np.abs(flows[0, :, -4:]).max() < 0.02  # the ground far from it stands still


def test_flow_of_chosen_frames_equals_that_of_all_and_ignores_the_number_of_workers(tmp_path, monkeypatch):
    clip = squares.clip(tmp_path, "a", speed=2.0)
    monkeypatch.setenv("VAD_WORKERS", "1")
    every = np.concatenate([part for _, part in flow.averaged(clip, 240, 0.5)])
    monkeypatch.setenv("VAD_WORKERS", "3")
    chosen = [0, 7, 39]
    few = np.concatenate([part for _, part in flow.averaged(clip.only(chosen), 240, 0.5)])
    np.testing.assert_array_equal(few, every[chosen])


def test_average_is_the_mean_over_the_window_cut_at_the_clips_ends(tmp_path):
    clip = squares.clip(tmp_path, "a", speed=2.0, frames=10)
    single = np.concatenate([part for _, part in flow.averaged(clip, 240, 0)])
    mean = np.concatenate([part for _, part in flow.averaged(clip, 240, 0.5)])  # five frames
    np.testing.assert_allclose(mean[5], single[3:8].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(mean[0], single[0:3].mean(axis=0), atol=1e-6)


def test_spread_gives_scenes_equal_shares_in_runs(tmp_path):
    clips = [squares.clip(tmp_path, name, 1.0, 40, scene=name[0]) for name in ("1a", "1b", "1c", "2a")]
    parts = flow.spread(clips, most=40, run=10)
    count = {scene: sum(len(p.frames) for p in parts if p.scene == scene) for scene in "12"}
    assert count == {"1": 20, "2": 20}
    assert all(len(p.frames) % 10 == 0 for p in parts)
    assert flow.spread(clips, most=1000, run=10) == clips
