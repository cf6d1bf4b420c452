import numpy as np
import pandas as pd
import pytest

from vad.metrics.alarms import Footage, auc_by_type, delays, false_alarms_per_hour, label_events, spans


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two clips of 10 frames at 2 fps; a's frames 4-7 are abnormal."""
    frames = np.tile(np.arange(10), 2)
    label = np.zeros(20, int)
    label[4:8] = 1
    return pd.DataFrame({"clip": ["a"] * 10 + ["b"] * 10, "frame": frames, "label": label})


@pytest.fixture
def footage(rows) -> Footage:
    return Footage.of(rows, {"a": 2.0, "b": 2.0})


def marked(*on: int) -> np.ndarray:
    over = np.zeros(20, bool)
    over[list(on)] = True
    return over


def test_runs_merge_within_but_not_across_clips(footage):
    first, last = spans(marked(1, 2, 4, 9, 10, 19), footage, merge_seconds=1.0)
    assert list(zip(first, last, strict=True)) == [(1, 4), (9, 9), (10, 10), (19, 19)]
    assert len(spans(marked(1, 2, 4), footage, merge_seconds=0.0)[0]) == 2
    assert len(spans(marked(), footage, merge_seconds=0.0)[0]) == 0


def test_duration_follows_the_usual_step():
    rows = pd.DataFrame({"clip": "a", "frame": np.arange(0, 100, 5)})
    assert Footage.of(rows, {"a": 10.0}).hours() == pytest.approx(20 * 0.5 / 3600)


def test_false_alarms_per_hour_by_hand(rows, footage):
    # 16 normal frames of 0.5 s; of the alarms (3-4, 9, 12) the first touches an abnormal frame.
    rate = false_alarms_per_hour(marked(3, 4, 9, 12), rows["label"].to_numpy(), footage, merge_seconds=0)
    assert rate == pytest.approx(2 / (16 * 0.5 / 3600))


def test_delays_by_hand(rows, footage):
    events = label_events(rows)
    assert events.to_dict("records") == [{"clip": "a", "first_frame": 4, "last_frame": 7}]
    seconds = lambda *on, merge=0.0: delays(marked(*on), rows, footage, events, merge).tolist()  # noqa: E731
    assert seconds(6, 7) == [1.0]
    assert np.isnan(seconds(8))
    assert np.isnan(seconds(2, 3, 4, 5))  # on before it began
    assert seconds(2, 3, 4, 5, merge=1.0) == [0.0]
    assert np.isnan(seconds(15))  # the other clip


def test_an_alarm_is_raised_when_its_score_is_there(rows, footage):
    """What counts as detected is still the frame: a score that comes after the event's end has seen it."""
    events = label_events(rows)
    late = np.where(rows["clip"] == "a", 0.75, 9.0)
    seconds = lambda *on, merge=0.0: delays(marked(*on), rows, footage, events, merge, late).tolist()  # noqa: E731
    assert seconds(6, 7) == [1.75]
    assert seconds(7) == [2.25]
    assert np.isnan(seconds(8))
    assert seconds(3, 4, merge=1.0) == [0.25]  # half a second before it, known a quarter after its beginning
    assert seconds(2, 3, merge=1.0) == [0.0]


def test_events_of_clips_that_were_not_scored_are_left_out(rows, footage):
    events = pd.DataFrame({"clip": ["z"], "first_frame": [0], "last_frame": [3]})
    assert len(delays(marked(1), rows, footage, events, 0.0)) == 0


def test_auc_by_type_uses_that_types_frames_and_all_normal_ones(rows):
    events = pd.DataFrame(
        {"clip": ["a", "a", "z"], "first_frame": [4, 6, 0], "last_frame": [5, 7, 9], "type": ["fall", "running", "car"]}
    )
    scores = np.zeros(20)
    scores[4:6] = 1
    assert auc_by_type(scores, rows, events) == {"fall": 1.0, "running": 0.5}
