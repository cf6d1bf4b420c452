"""Exact intervals of counted things: shares, rates, medians. None needs many cases to be right."""

import numpy as np
from scipy.special import betaincinv, gammainccinv, gammaincinv


def share(hits: int, cases: int, confidence: float) -> tuple[float, float]:
    """Interval of a probability after ``hits`` of ``cases`` (Clopper & Pearson 1934); (0, 1) where there is no case."""
    if not 0 <= hits <= cases:
        raise ValueError(f"{hits} hits of {cases} cases")
    if not cases:
        return 0.0, 1.0
    tail, misses = (1 - confidence) / 2, cases - hits
    low = betaincinv(hits, misses + 1, tail) if hits else 0.0
    return float(low), float(betaincinv(hits + 1, misses, 1 - tail) if misses else 1.0)


def rate(count: int, exposure: float, confidence: float) -> tuple[float, float]:
    """Interval of a Poisson rate after ``count`` cases in ``exposure`` (Garwood 1936); (0, inf) without exposure."""
    if exposure <= 0:
        return 0.0, float("inf")
    tail = (1 - confidence) / 2
    low = gammaincinv(count, tail) if count else 0.0
    return float(low / exposure), float(gammainccinv(count + 1, tail) / exposure)


def median(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Distribution-free interval of a median by order statistics; NaNs with too few values (under 6 at 95 %).

    Source: Conover 1999, Practical Nonparametric Statistics, section 3.2.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    from scipy import stats  # half a second, which few stages need

    found = stats.quantile_test(np.asarray(values, dtype=np.float64), p=0.5).confidence_interval(confidence)
    return float(found.low), float(found.high)
