"""The simulated scheduler, by hand."""

import numpy as np
import pytest

from vad.benchmark.fanout import makespan, simulated


@pytest.mark.parametrize(
    ("seconds", "nodes", "overhead", "starting", "expected"),
    [
        ([3, 3, 3, 3], 1, 0, 0, 12),
        ([3, 3, 3, 3], 2, 0, 0, 6),
        ([3, 3, 3], 2, 0, 0, 6),
        ([1, 5, 1, 1], 2, 0, 0, 5),  # the second node has the long one, the first the other three
        ([2, 2], 2, 1, 0, 4),  # sent at 1 and at 2
        ([2, 2], 1, 1, 10, 16),
        ([0] * 10, 100, 1, 0, 10),  # more nodes do not help against the scheduler
    ],
)
def test_makespan(seconds, nodes, overhead, starting, expected):
    assert makespan(seconds, nodes, overhead, starting) == expected


def test_many_nodes_are_bound_by_the_scheduler():
    found = simulated(np.array([1.0, 2.0]), 10_000, 1000, overhead=0.01, starting=0)
    assert found["seconds"] == pytest.approx(100, rel=0.05)
    few = simulated(np.array([1.0, 2.0]), 10_000, 10, overhead=0.01, starting=0)
    assert few["efficiency"] == pytest.approx(1, abs=0.01)
