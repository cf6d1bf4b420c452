import numpy as np

from tests import moving_squares as squares
from vad.detectors import motion
from vad.perception.scene import Scene

PARAMS = motion.Params(height=240, window=0.5, max_fit_frames=200, shrinkage=30)


def test_passing_is_the_width_over_the_speed(tmp_path):
    clip = squares.clip(tmp_path, "a", speed=2.0)
    seconds = squares.WIDE / (2.0 * squares.FPS)
    assert abs(Scene.learn([clip], 240).passing - seconds) < 0.4 * seconds


def test_faster_than_training_is_more_surprising_and_shown_where_it_is(tmp_path):
    state = motion.fit([squares.clip(tmp_path, f"t{i}", 1.0 + 0.2 * i) for i in range(3)], PARAMS, seed=0)
    detector = motion.Detector(state, PARAMS)
    walk, _ = detector.score(squares.clip(tmp_path, "walk", 1.2))
    run, maps = detector.score(squares.clip(tmp_path, "run", 3.5, frames=30))
    assert run[5:25].min() > walk[5:35].max()
    assert maps.dtype == np.float16
    x = np.unravel_index(maps[15].argmax(), maps[15].shape)[1] * 4
    assert abs(x - squares.left(15, 3.5) - squares.WIDE / 2) < 20
    np.testing.assert_allclose(run, maps.max(axis=(1, 2)), rtol=1e-2)


def test_a_scene_without_training_clips_is_scored_by_the_pool_and_refits_give_the_same_state(tmp_path):
    clips = [squares.clip(tmp_path, f"t{i}", 1.0) for i in range(2)]
    first, second = (motion.fit(clips, PARAMS, seed=0) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    scores, _ = motion.Detector(first, PARAMS).score(squares.clip(tmp_path, "new", 1.0, scene="99"))
    assert np.isfinite(scores).all()
