import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter1d

from vad.perception.trajectories import densify


def boxes(rows: list[tuple[int, int, float]]) -> pd.DataFrame:
    """Boxes 20 x 40 around (x, 50) from (track, frame, x)."""
    track, frame, x = (np.array(column) for column in zip(*rows, strict=True))
    return pd.DataFrame({"frame": frame, "track": track, "x1": x - 10.0, "y1": 30.0, "x2": x + 10.0, "y2": 70.0})


def test_short_gaps_are_interpolated_and_long_ones_split():
    dense = densify(boxes([(7, 12, 106.0), (7, 10, 100.0), (7, 16, 0.0), (8, 10, 5.0)]), max_gap=3)
    np.testing.assert_array_equal(dense.frames, [10, 11, 12, 16, 10])
    np.testing.assert_array_equal(dense.owners, [0, 0, 0, 1, 2])
    np.testing.assert_allclose(dense.boxes[:, 0], [100, 103, 106, 0, 5])
    np.testing.assert_allclose(dense.boxes[:, 1:], [[50, 20, 40]] * 5)


def test_smoothing_is_the_usual_filter_on_each_trajectory_alone():
    random = np.random.default_rng(0)
    rows = [(t, f, random.uniform(0, 800)) for t, length in ((1, 3), (2, 40)) for f in range(length)]
    dense = densify(boxes(rows), max_gap=1)
    smooth = dense.smoothed(4.0)[:, 0]
    for track in (0, 1):
        own = dense.owners == track
        np.testing.assert_allclose(smooth[own], gaussian_filter1d(dense.boxes[own, 0], 4.0, mode="nearest"))


def test_rate_of_even_motion_is_its_speed_up_to_the_ends():
    dense = densify(boxes([(1, f, 3.0 * f) for f in range(30)] + [(2, f, -f) for f in range(4)] + [(3, 0, 9.0)]), 1)
    rate = dense.rate(dense.boxes[:, :1], window=10)[:, 0]
    np.testing.assert_allclose(rate, [3.0] * 30 + [-1.0] * 4 + [0.0])


def test_the_rates_window_is_centred_and_shifted_inside_at_the_ends():
    dense = densify(boxes([(1, f, float(f * f)) for f in range(10)]), 1)
    rate = dense.rate(dense.boxes[:, :1], window=4)[:, 0]
    assert rate[5] == pytest.approx((7**2 - 3**2) / 4)
    assert rate[0] == rate[2] == pytest.approx((4**2 - 0) / 4)
    assert rate[9] == pytest.approx((9**2 - 5**2) / 4)


def test_no_boxes_give_no_trajectories():
    empty = boxes([(1, 1, 1.0)]).iloc[:0]
    dense = densify(empty, 3)
    assert len(dense.frames) == 0
    assert dense.smoothed(2.0).shape == (0, 4)


def test_the_mean_along_a_trajectory_weighs_boxes_and_draws_a_short_one_to_the_usual():
    dense = densify(boxes([(1, f, 0.0) for f in range(200)] + [(2, 0, 0.0)]), 1)
    values = np.where(dense.owners == 1, 9.0, np.where(dense.frames == 100, 500.0, 9.0))
    weights = (values < 500).astype(float)  # the odd box does not count
    mean = dense.averaged(values, weights, sigma=10.0, prior=0.5, usual=1.0)
    kernel = np.exp(-0.5 * (np.arange(-30, 31) / 10) ** 2)
    assert mean[60] == pytest.approx((9 + 0.5) / 1.5)  # a whole kernel of nines, half a kernel of ones
    assert mean[100] == pytest.approx((9 * (kernel.sum() - 1) + 0.5 * kernel.sum()) / (1.5 * kernel.sum() - 1))
    assert mean[200] == pytest.approx((9 + 0.5 * kernel.sum()) / (1 + 0.5 * kernel.sum()))  # one box alone
