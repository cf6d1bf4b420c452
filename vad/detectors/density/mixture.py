"""Gaussian mixtures with full covariances as plain arrays, and the conditional density of some dimensions given others.

The fit is scikit-learn's expectation maximisation on standardised data; what is kept are the parameters in the data's
own units, so that a state is a few small arrays and a density needs nothing but NumPy.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture of K components in D dimensions.

    Attributes:
        weights: (K,) summing to 1. means: (K, D). covariances: (K, D, D) positive definite.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    @classmethod
    def fit(cls, rows: np.ndarray, components: int, regularisation: float, seed: int) -> "Mixture":
        """Fit to (N, D) rows.

        Args:
            components: K; fewer where there are fewer than ten rows per component.
            regularisation: added to the variance of every standardised dimension; larger = smoother.
        """
        from sklearn.mixture import GaussianMixture

        mean, deviation = rows.mean(0), np.maximum(rows.std(0), 1e-6)
        count = max(1, min(components, len(rows) // 10))
        standard = (rows - mean) / deviation
        fitted = GaussianMixture(count, reg_covar=regularisation, random_state=seed).fit(standard)
        return cls(
            fitted.weights_, fitted.means_ * deviation + mean, fitted.covariances_ * np.outer(deviation, deviation)
        )

    def negative_log_density(self, rows: np.ndarray) -> np.ndarray:
        """(N, D) -> (N,) -log p(row), in nats."""
        columns = rows.T  # (D, N): sums over D run along whole rows
        logs = np.empty((len(self.weights), len(rows)))
        for k, (weight, mean, covariance) in enumerate(zip(self.weights, self.means, self.covariances, strict=True)):
            cholesky = np.linalg.cholesky(covariance)
            whitened = np.linalg.inv(cholesky) @ (columns - mean[:, None])
            volume = np.log(np.diag(cholesky)).sum() + 0.5 * len(mean) * np.log(2 * np.pi)
            logs[k] = np.log(weight) - volume - 0.5 * np.einsum("dn,dn->n", whitened, whitened)
        top = logs.max(0)
        return -(top + np.log(np.exp(logs - top).sum(0)))

    def marginal(self, dimensions: list[int]) -> "Mixture":
        """The mixture of those dimensions alone."""
        return Mixture(self.weights, self.means[:, dimensions], self.covariances[:, dimensions][:, :, dimensions])

    def negative_log_conditional(self, rows: np.ndarray, given: list[int]) -> np.ndarray:
        """(N, D) -> (N,) -log p(the other dimensions | the ``given`` ones)."""
        return self.negative_log_density(rows) - self.marginal(given).negative_log_density(rows[:, given])

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """The parameters under ``<prefix>.weights``, ``<prefix>.means``, ``<prefix>.covariances``."""
        return {f"{prefix}.{name}": getattr(self, name) for name in ("weights", "means", "covariances")}

    @classmethod
    def from_arrays(cls, state: dict[str, np.ndarray], prefix: str) -> "Mixture":
        """What :meth:`arrays` made."""
        return cls(*(state[f"{prefix}.{name}"] for name in ("weights", "means", "covariances")))
