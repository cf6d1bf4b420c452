import numpy as np
import pytest
from scipy.stats import lognorm

from vad.perception.foreground import ObjectSize
from vad.perception.speed import Windows, speed_by_position, surprise

FLAT = ObjectSize(np.array([0.2, 0.0, 0.1, 0.0, 0.5]))


def test_window_mean_in_body_heights_per_second():
    flow = np.zeros((20, 30, 2), np.float32)
    flow[..., 0] = 0.3
    np.testing.assert_allclose(Windows((20, 30), FLAT).speed(flow), 0.3 / 0.2, rtol=1e-5)


def test_windows_are_cut_at_the_border():
    windows = Windows((20, 30), FLAT)  # four rows by two columns, rounded to whole cells around the centre
    rows, columns = windows.bottom - windows.top, windows.right - windows.left
    assert rows[0, 0] < rows[10, 0]
    assert windows.area[10, 15] == rows[10, 0] * columns[0, 15]


def test_one_peak_per_moving_object():
    speed = np.zeros((20, 30), np.float32)
    speed[5, 5], speed[6, 5], speed[15, 20] = 1.0, 0.5, 2.0
    peaks = Windows((20, 30), FLAT).peaks(speed)
    np.testing.assert_allclose(peaks, [[5.5 / 20, 5.5 / 30, 0.0], [15.5 / 20, 20.5 / 30, np.log(2)]], atol=1e-6)


def test_speeds_are_local_where_objects_were_seen_and_pooled_elsewhere():
    rng = np.random.default_rng(0)
    slow = np.column_stack([np.full(500, 0.2), rng.random(500), rng.normal(-1.0, 0.1, 500)])
    fast = np.column_stack([np.full(500, 0.9), rng.random(500), rng.normal(1.0, 0.1, 500)])
    peaks = np.concatenate([slow, fast])
    small = ObjectSize(np.array([0.1, 0.0, 0.05, 0.0, 0.5]))
    middle = speed_by_position(peaks, peaks, small, shrinkage=1.0)[0]
    assert middle[2].mean() == pytest.approx(-1.0, abs=0.15)
    assert middle[-2].mean() == pytest.approx(1.0, abs=0.15)


def test_surprise_is_the_log_normals_tail():
    expected = -np.log10(lognorm(s=0.3, scale=np.exp(-0.2)).sf(1.7))
    assert surprise(np.array([1.7]), np.array([-0.2]), np.array([0.3]))[0] == pytest.approx(expected, rel=1e-6)
