import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from vad.pipeline.errors import UserError
from vad.pipeline.params import validate
from vad.post_processing.temporal import Causal, Params, causal, smooth


def params(**changes) -> Params:
    return Params(**{"method": "gaussian", "sigma_seconds": 0.3, "median_window": 5, "causal": "gaussian", **changes})


def test_gaussian_equals_scipy_away_from_borders():
    scores = np.random.default_rng(0).normal(size=200)
    ours = smooth(scores, np.arange(200), 10.0, params())
    assert np.allclose(ours[20:-20], gaussian_filter1d(scores, 3.0)[20:-20])


def test_constant_stays_constant_at_borders_and_gaps():
    frames = np.array([0, 1, 2, 9, 40, 41, 300])
    for method in ("gaussian", "median"):
        assert np.allclose(smooth(np.full(7, 2.5), frames, 10.0, params(method=method)), 2.5)
    for kind in ("gaussian", "exponential"):
        assert np.allclose(causal(np.full(7, 2.5), frames, 10.0, params(causal=kind)), 2.5)


def test_weights_follow_the_distance_in_time():
    # Two frames 3 frame numbers apart at 10 fps: one sigma of 0.3 s.
    weight = np.exp(-0.5)
    assert smooth([0.0, 1.0], np.array([5, 8]), 10.0, params())[0] == pytest.approx(weight / (1 + weight))


def test_isolated_samples_keep_their_scores():
    scores = np.array([1.0, 5.0, 2.0])
    assert np.array_equal(smooth(scores, np.array([0, 100, 200]), 10.0, params()), scores)


def test_sigma_in_seconds_carries_across_frame_rates():
    slow, fast = np.arange(0, 40), np.arange(0, 80)
    signal = lambda seconds: np.sin(seconds)  # noqa: E731
    a = smooth(signal(slow / 10), slow, 10.0, params())
    b = smooth(signal(fast / 20), fast, 20.0, params())
    assert np.allclose(a[10:30], b[20:60:2], atol=1e-3)


@pytest.mark.parametrize("kind", ["gaussian", "exponential"])
def test_causal_ignores_the_future(kind):
    scores = np.random.default_rng(1).normal(size=60)
    changed = scores.copy()
    changed[31:] += 100
    frames = np.arange(60)
    before, after = (causal(s, frames, 10.0, params(causal=kind)) for s in (scores, changed))
    assert np.allclose(before[:31], after[:31], atol=1e-9)
    assert not np.allclose(before[31:], after[31:])


def test_exponential_equals_the_recursion():
    scores, decay = np.random.default_rng(2).normal(size=30), np.exp(-1 / 3)
    total = weight = 0.0
    expected = []
    for score in scores:
        total, weight = total * decay + score, weight * decay + 1
        expected.append(total / weight)
    assert np.allclose(causal(scores, np.arange(30), 10.0, params(causal="exponential")), expected)


def test_median_by_hand_and_none():
    scores = np.array([0.0, 9.0, 1.0, 2.0, 3.0])
    window = params(method="median", median_window=3)
    assert smooth(scores, np.arange(5), 10.0, window).tolist() == [4.5, 1.0, 2.0, 2.0, 2.5]
    assert smooth(scores, np.arange(5), 10.0, params(method="none")).tolist() == scores.tolist()


def test_an_even_median_window_is_refused():
    values = {"method": "median", "sigma_seconds": 0.3, "median_window": 16, "causal": "gaussian"}
    with pytest.raises(UserError, match=r"temporal\.median_window = 16: should be odd"):
        validate(values, Params, "params.yaml: temporal")


@pytest.mark.parametrize("kernel", ["gaussian", "exponential"])
def test_scores_one_by_one_are_smoothed_as_all_at_once(kernel):
    frames = np.array([3, 4, 5, 9, 10, 40, 41, 90])
    scores = np.random.default_rng(0).normal(size=len(frames))
    one_by_one = Causal(10.0, params(causal=kernel))
    smoothed = [one_by_one.push(int(frame), score) for frame, score in zip(frames, scores, strict=True)]
    np.testing.assert_allclose(smoothed, causal(scores, frames, 10.0, params(causal=kernel)), rtol=1e-9)
