"""Alarms: one per event, with hysteresis, least duration, merging and cool-down."""

from itertools import pairwise

import numpy as np
import pytest

from vad.deploy.alarms import Alarms, Moment, Rules, log_odds
from vad.metrics.alarms import Footage, spans

BARE = {"hysteresis": 0, "least_seconds": 0, "cooldown_seconds": 0}


def run(scores, step: float = 0.1, **rules):
    """(alarms, changes) of ``scores`` at every ``step`` seconds; threshold 0.9 unless told."""
    alarms = Alarms("gate", Rules(**{"threshold": 0.9, **rules}))
    changes = [c for i, score in enumerate(scores) for c in alarms.push(Moment(i * step, score))]
    return alarms, changes + alarms.close()


def kinds(changes):
    return [change.type for change in changes]


@pytest.mark.parametrize("merge", [0.0, 0.15, 0.35, 1.0])
def test_bare_rules_give_the_alarms_that_the_metrics_count(merge):
    scores = np.random.default_rng(3).random(2000)
    footage = Footage(np.zeros(2000, int), np.arange(2000), np.full(2000, 10.0), np.full(2000, 0.1))
    first, last = spans(scores >= 0.9, footage, merge)
    _, changes = run(scores, merge_seconds=merge, update_seconds=3600, **BARE)
    ends = [change.after for change in changes if change.type == "end"]
    assert [round(a.start * 10) for a in ends] == first.tolist()
    assert [round(a.end * 10) for a in ends] == last.tolist()
    assert len([c for c in changes if c.type == "new"]) == len(first)


def test_an_alarm_holds_down_to_the_release_level():
    scores = [0.5] * 5 + [0.95, 0.85, 0.82, 0.85, 0.95] + [0.5] * 10
    _, with_it = run(scores, hysteresis=0.4, least_seconds=0, merge_seconds=0.05)  # releases at 0.78
    _, without = run(scores, merge_seconds=0.05, **BARE)
    assert kinds(with_it) == ["new", "end"]
    assert (with_it[-1].after.start, with_it[-1].after.end) == pytest.approx((0.5, 0.9))
    assert kinds(without) == ["new", "end", "new", "end"]


def test_what_falls_back_too_soon_is_no_alarm():
    scores = [0.5, 0.95, 0.95, 0.5] * 5 + [0.95] * 6 + [0.5] * 40
    _, changes = run(scores, least_seconds=0.5, hysteresis=0)
    assert kinds(changes) == ["new", "end"]
    assert changes[0].after.start == pytest.approx(2.0)


def test_cool_down_swallows_and_counts():
    burst = [0.95] * 5 + [0.5] * 15
    alarms, changes = run(burst * 4, merge_seconds=0.5, cooldown_seconds=3.0, hysteresis=0, least_seconds=0)
    assert [c.after.start for c in changes if c.type == "new"] == pytest.approx([0.0, 4.0])
    assert alarms.suppressed == 2


def test_an_alarm_that_outlasts_the_cool_down_begins_after_it():
    _, changes = run([0.95] * 5 + [0.5] * 10 + [0.95] * 40, merge_seconds=0.5, cooldown_seconds=3.0, least_seconds=0)
    starts = [c.after.start for c in changes if c.type == "new"]
    assert len(starts) == 2
    assert starts[1] == pytest.approx(3.4, abs=0.11)


def test_updates_come_with_a_higher_peak_and_not_too_often():
    rising = np.linspace(0.9, 0.999, 100)
    _, changes = run(rising, update_seconds=2.0, least_seconds=0)
    assert kinds(changes) == ["new", "update", "update", "update", "update", "end"]
    for earlier, later in pairwise(changes):
        assert later.before == earlier.after
        assert later.after.calibrated > later.before.calibrated
        assert later.after.id == earlier.after.id
    assert changes[-1].after.peak == pytest.approx(9.9)
    _, level = run([0.95] * 100, update_seconds=2.0)
    assert kinds(level) == ["new", "end"]


def test_a_gap_ends_the_alarm_at_its_last_frame():
    alarms = Alarms("gate", Rules(threshold=0.9, least_seconds=0, gap_seconds=5))
    alarms.push(Moment(1.0, 0.95))
    changes = alarms.push(Moment(60.0, 0.95))
    assert kinds(changes) == ["end", "new"]
    assert changes[0].after.end == 1.0
    assert changes[0].after.id != changes[1].after.id


def test_the_peak_is_described_once_it_rises():
    asked = []
    alarms = Alarms("gate", Rules(threshold=0.9, least_seconds=0), epoch=100.0)
    for i, score in enumerate([0.95, 0.97, 0.96, 0.2]):
        alarms.push(Moment(float(i), score, lambda i=i: asked.append(i) or {"frame": i}))
    (end,) = alarms.close()
    assert asked == [0, 1]
    assert end.after.frame == 1
    assert end.after.id == "gate-100000"
    assert end.after.log_odds == round(log_odds(0.97), 3)
