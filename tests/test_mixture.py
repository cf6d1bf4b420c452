import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from vad.detectors.density.mixture import Mixture

TWO = Mixture(
    weights=np.array([0.25, 0.75]),
    means=np.array([[0.0, 1.0], [3.0, -1.0]]),
    covariances=np.array([[[1.0, 0.5], [0.5, 2.0]], [[0.5, 0.0], [0.0, 1.0]]]),
)
ROWS = np.array([[0.0, 0.0], [3.0, -1.0], [10.0, 10.0]])


def density(rows: np.ndarray) -> np.ndarray:
    parts = zip(TWO.weights, TWO.means, TWO.covariances, strict=True)
    return sum(weight * multivariate_normal(mean, covariance).pdf(rows) for weight, mean, covariance in parts)


def test_density_is_scipys():
    np.testing.assert_allclose(TWO.negative_log_density(ROWS), -np.log(density(ROWS)))


def test_conditional_is_joint_over_marginal():
    first = 0.25 * norm(0, 1).pdf(ROWS[:, 0]) + 0.75 * norm(3, np.sqrt(0.5)).pdf(ROWS[:, 0])
    np.testing.assert_allclose(TWO.negative_log_conditional(ROWS, given=[0]), -np.log(density(ROWS) / first))


def test_fit_finds_the_mixture_in_the_datas_units():
    random = np.random.default_rng(0)
    rows = np.concatenate([random.normal([0, 100], [1, 20], (3000, 2)), random.normal([50, 900], [2, 10], (1000, 2))])
    fitted = Mixture.fit(rows, components=2, regularisation=1e-6, seed=0)
    order = np.argsort(fitted.means[:, 0])
    np.testing.assert_allclose(fitted.weights[order], [0.75, 0.25], atol=1e-3)
    np.testing.assert_allclose(fitted.means[order], [[0, 100], [50, 900]], atol=2)
    assert np.sqrt(fitted.covariances[order][:, 1, 1]) == pytest.approx([20, 10], rel=0.05)


def test_arrays_round_trip():
    again = Mixture.from_arrays(TWO.arrays("a"), "a")
    np.testing.assert_array_equal(again.negative_log_density(ROWS), TWO.negative_log_density(ROWS))
