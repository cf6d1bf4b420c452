import numpy as np
import pytest
from scipy.stats import genpareto

from vad.detectors.density.tails import PlaceTails, Tail


def test_surprise_inside_the_body_is_the_empirical_tail_probability():
    tail = Tail.fit(np.arange(1001.0))
    np.testing.assert_allclose(tail.surprise(np.array([0.0, 500.0, 900.0])), -np.log([1, 0.5, 0.1]), atol=2e-3)
    assert tail.surprise(np.array([-5.0]))[0] == 0


def test_exponential_data_has_a_straight_tail():
    scores = np.random.default_rng(0).exponential(2.0, 200_000)
    tail = Tail.fit(scores)
    np.testing.assert_allclose(tail.surprise(np.array([2.0, 10.0, 40.0])), [1, 5, 20], rtol=0.1)


def test_heavy_data_has_the_pareto_shape_it_was_drawn_with():
    scores = genpareto(0.3, scale=1.0).rvs(200_000, random_state=0)
    tail = Tail.fit(scores)
    assert tail.shape == pytest.approx(0.3, abs=0.05)
    far = np.array([5.0, 50.0])
    np.testing.assert_allclose(tail.surprise(far), -genpareto(0.3).logsf(far), rtol=0.1)


def test_surprise_goes_on_rising_beyond_all_data_and_survives_saving():
    tail = Tail.fit(np.random.default_rng(1).normal(size=500))
    again = Tail.from_arrays(tail.arrays("motion"), "motion")
    rising = again.surprise(np.linspace(-3, 50, 200))
    assert (np.diff(rising[20:]) > 0).all()
    np.testing.assert_array_equal(rising, tail.surprise(np.linspace(-3, 50, 200)))


def test_constant_scores_have_a_tail():
    assert np.isfinite(Tail.fit(np.ones(10)).surprise(np.array([1.0, 2.0]))).all()


def test_a_cell_with_enough_values_is_judged_by_its_own_tail_others_by_their_scenes():
    random = np.random.default_rng(0)
    busy, quiet, elsewhere = np.array([0.1, 0.1]), np.array([0.9, 0.9]), np.array([0.5, 0.5])
    places = np.repeat([busy, quiet, elsewhere], [5000, 100, 20_000], axis=0)
    values = np.concatenate([random.exponential(10, 5000), random.exponential(10, 100), random.exponential(1, 20_000)])
    fitted = PlaceTails.fit(["a"], [places], [values])
    judged = [float(fitted.surprise("a", place[None], np.array([20.0]))[0]) for place in (busy, quiet, elsewhere)]
    np.testing.assert_allclose(judged[0], 2.0, atol=0.2)  # exp(-20 / 10)
    assert judged[2] > 15  # exp(-20)
    np.testing.assert_allclose(judged[1], -np.log(np.mean(values >= 20)), rtol=0.15)  # too few: the whole scene's
    np.testing.assert_array_equal(fitted.surprise("b", busy[None], np.array([20.0])), judged[1])  # a scene never seen


def test_tails_by_place_come_back_from_their_arrays():
    random = np.random.default_rng(1)
    places, values = random.uniform(-0.1, 1.1, (9000, 2)), random.exponential(1, 9000)
    fitted = PlaceTails.fit(["01", "02"], [places[:8000], places[8000:]], [values[:8000], values[8000:]])
    again = PlaceTails.from_arrays(fitted.arrays("x.tail") | {"other": np.zeros(3)}, "x.tail")
    for scene in ("01", "02", "03"):
        expected = fitted.surprise(scene, places[:100], values[:100])
        np.testing.assert_allclose(again.surprise(scene, places[:100], values[:100]), expected, rtol=1e-5)
