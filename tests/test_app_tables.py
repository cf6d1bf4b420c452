"""Metrics as tables and runs side by side."""

import numpy as np
import pytest

from app import cached, experiments, tables
from app.project import Project
from vad.pipeline.errors import UserError

METRICS = {
    "faint": {"roc_auc": 0.6, "f1": 0.5, "clips": 2, "events_total": 4, "events_detected": 1},
    "strong": {
        "roc_auc": 0.9, "roc_auc_low": 0.8, "roc_auc_high": 0.95, "f1": 0.7, "clips": 2, "rbdc": 0.4,
        "by_event": {"off_path": 0.8},
    },
    "absent": {"skipped": "no tracks"},
}  # fmt: skip


def test_overview_is_best_first_and_drops_what_nobody_has():
    table = tables.overview(METRICS)
    assert table["Detector"].tolist() == ["strong", "faint"]
    assert table["ROC-AUC"].tolist() == ["0.900 [0.800, 0.950]", "0.600"]
    assert table["Events caught"].iloc[1] == "1 of 4"
    assert "TBDC" not in table
    assert np.isnan(table["RBDC"].iloc[1])
    assert tables.skipped(METRICS) == {"absent": "no tracks"}


def test_intervals_and_events_in_long_form():
    table = tables.intervals(METRICS, "roc_auc")
    assert table["value"].tolist() == [0.9, 0.6]
    assert table["low"].iloc[0] == 0.8
    assert tables.intervals(METRICS, "roc_auc_macro").empty
    assert tables.by_event(METRICS).values.tolist() == [["strong", "off path", 0.8]]


def test_leak_lists_both_protocols_the_largest_first():
    values = {"a": {"paper": 0.7, "clean": 0.6, "leak": 0.1}, "b": {"paper": 0.9, "clean": 0.5, "leak": 0.4}}
    assert tables.leak(values)[["name", "protocol", "value"]].values.tolist() == [
        ["b", "paper", 0.9], ["b", "clean", 0.5], ["a", "paper", 0.7], ["a", "clean", 0.6],
    ]  # fmt: skip
    assert tables.leak({}).empty


@pytest.fixture
def runs():
    row = {"Experiment": None, "rev": "workspace", "Created": None, "State": None, "padim.n_features": 300, "seed": 0,
           "metrics/padim.json:roc_auc": 0.6, "metrics/motion.json:roc_auc": 0.7, "prototypes.leak": 0.3}  # fmt: skip
    other = row | {"Experiment": "few", "rev": "abc1234", "padim.n_features": 100, "metrics/padim.json:roc_auc": 0.55}
    return [experiments.run(row, {"prototypes.leak": "leak"}) for row in (row, other)]


def test_a_row_of_dvc_is_taken_apart(runs):
    assert runs[0].params == {"padim.n_features": 300, "seed": 0}
    assert runs[0].metrics == {"padim": {"roc_auc": 0.6}, "motion": {"roc_auc": 0.7}, "leak": {"prototypes.leak": 0.3}}
    assert [run.label for run in runs] == ["workspace", "few (abc1234)"]


def test_two_runs_side_by_side(runs):
    assert experiments.changed(*runs).to_dict("index") == {"padim.n_features": {"a": 300, "b": 100}}
    both = experiments.side_by_side(*runs, "roc_auc").set_index("detector")
    assert both.loc["padim", "change"] == pytest.approx(-0.05)
    assert both.loc["motion", "change"] == 0
    table = experiments.overview(runs, "roc_auc", ["padim", "motion"])
    assert table["Parameters, other than the workspace's"].tolist() == ["", "padim.n_features=100"]
    assert table["padim"].tolist() == [0.6, 0.55]


def test_no_alarm_is_judged_before_it_is_known_how_late_scores_are(tmp_path):
    with pytest.raises(UserError, match=r"No alarm to judge: data/latency.json is not there yet. Run 'dvc repro'"):
        cached.setting(Project(tmp_path))
