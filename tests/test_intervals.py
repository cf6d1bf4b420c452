import numpy as np
import pytest
from scipy import stats

from vad.metrics import intervals


def test_share_is_where_the_binomial_tails_are_two_and_a_half_per_cent():
    low, high = intervals.share(3, 10, 0.95)
    assert stats.binom.sf(2, 10, low) == pytest.approx(0.025)
    assert stats.binom.cdf(3, 10, high) == pytest.approx(0.025)
    assert intervals.share(0, 5, 0.95)[0] == 0
    assert intervals.share(5, 5, 0.95)[1] == 1
    assert intervals.share(0, 0, 0.95) == (0, 1)


def test_rate_is_where_the_poisson_tails_are_two_and_a_half_per_cent():
    low, high = intervals.rate(4, 2.0, 0.95)
    assert stats.poisson.sf(3, 2 * low) == pytest.approx(0.025)
    assert stats.poisson.cdf(4, 2 * high) == pytest.approx(0.025)
    # none seen in an hour: the "rule of three" for two-sided 95 %
    assert intervals.rate(0, 1.0, 0.95) == (0, pytest.approx(-np.log(0.025)))
    assert intervals.rate(3, 0.0, 0.95) == (0, float("inf"))


def test_median_needs_six_values():
    assert np.isnan(intervals.median(np.arange(5.0), 0.95)).any()
    assert intervals.median(np.arange(6.0), 0.95) == (0, 5)
    low, high = intervals.median(np.arange(101.0), 0.95)
    assert low < 50 < high
    assert high - low < 25


@pytest.mark.parametrize(("hits", "cases"), [(6, 5), (-1, 5), (1, 0)])
def test_a_share_beyond_all_or_below_none_is_refused(hits, cases):
    with pytest.raises(ValueError, match=f"{hits} hits of {cases} cases"):
        intervals.share(hits, cases, 0.95)
