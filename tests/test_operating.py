"""What the threshold page says: at the tuned threshold it is what evaluate measured."""

import json

import numpy as np
import pytest

from app import operating
from tests import example_run
from vad.evaluation import scorecard
from vad.pipeline.results import read_json, read_table
from vad.post_processing import fused
from vad.visualization.scale import log_odds

KEYS = ("alarms_per_hour", "events_detected", "events_total", "detection_delay_s", "latency_s")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    example_run.build(root, ["padim", "motion", "fusion"], test_clips=6)
    example_run.measure(root)
    return root


@pytest.fixture(scope="module")
def setting(run):
    tuned = read_json(run / "data/thresholds.json")
    fps = read_table(run / "data/manifest.csv").set_index("clip")["fps"].astype(float).to_dict()
    events, latency = read_table(run / "data/events.csv"), read_json(run / "data/latency.json")
    return scorecard.Setting(fps, events, tuned["merge_seconds"], tuned["per_scene"], latency)


def watched(run, detector):
    rows = fused.load(run / "data/fused.parquet")
    return scorecard.watched(rows[rows["detector"] == detector])


@pytest.mark.parametrize("detector", ["padim", "motion", "fusion"])
def test_as_tuned_the_figures_are_those_of_the_metrics_file(run, setting, detector):
    tuned = read_json(run / "data/thresholds.json")["detectors"][detector]
    test = watched(run, detector)
    now = scorecard.operation(test, scorecard.judged(test, tuned, setting.per_scene), setting)
    measured = json.loads((run / f"metrics/{detector}.json").read_text())
    assert len(tuned) == 2
    assert measured["events_total"] == 6
    assert measured["events_detected"] > 0
    assert measured["alarms_per_hour"] > 0 or detector == "motion"  # whose scores leave no false alarm
    for key in KEYS:
        assert (measured[key] == round(now[key], 6)) if key in measured else np.isnan(now[key])


def test_one_threshold_equal_to_the_tuned_one_gives_the_same_alarms(run, setting):
    test = watched(run, "fusion")
    tuned = read_json(run / "data/thresholds.json")["detectors"]["fusion"]
    for fold, values in tuned.items():
        own = (test["fold"] == int(fold)).to_numpy()
        level = float(log_odds(np.array(values["threshold"])))
        assert (operating.over_level(test, level) == scorecard.judged(test, tuned, False))[own].all()
    assert operating.from_log_odds(2.0) == pytest.approx(100 / 101)


def test_higher_thresholds_let_fewer_frames_through_and_the_ends_are_all_and_nothing(run, setting):
    test = watched(run, "fusion")
    sweep = operating.sweep(test, setting)
    assert sweep["level"].is_monotonic_increasing
    shares = [operating.over_level(test, level).mean() for level in sweep["level"]]
    assert shares == sorted(shares, reverse=True)
    assert sweep["events_detected"].max() > sweep["events_detected"].iloc[-1]


def test_the_list_of_events_agrees_with_the_count(run, setting):
    test = watched(run, "fusion")
    for level in (0.0, 1.0, 2.0):
        over = operating.over_level(test, level)
        events, figures = operating.outcomes(test, over, setting), scorecard.operation(test, over, setting)
        assert events["delay"].notna().sum() == figures["events_detected"]
        assert len(events) == figures["events_total"] == 6
    assert (events["end"] > events["begin"]).all()
    assert set(events["type"]) == {"bicycle", "vehicle", "running", "fall"}


def test_minutes_of_normal_video(run, setting):
    test = watched(run, "fusion")
    assert operating.normal_minutes(test, setting) == pytest.approx((test["label"] == 0).sum() / 25 / 60)
