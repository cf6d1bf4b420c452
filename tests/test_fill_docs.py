"""The pictures and tables that pages are filled with."""

import json

import pytest

from stages import fill_docs
from vad.pipeline.errors import UserError


def test_the_picture_of_the_stages_leaves_out_what_is_implied():
    lines = {line.strip() for line in fill_docs.dag().splitlines()}
    assert "simulate --> extract_frames" in lines
    assert "fit --> score" in lines  # one box for all detectors
    assert "extract_frames --> fit" not in lines  # by way of others
    assert not any("@" in line for line in lines)


def test_only_what_is_marked_is_filled():
    text = "before\n<!-- stages -->\nold\n<!-- end -->\nafter\n"
    assert fill_docs.fill(text) == f"before\n<!-- stages -->\n{fill_docs.dag()}<!-- end -->\nafter\n"
    assert fill_docs.fill("no mark, nothing filled") == "no mark, nothing filled"


def test_a_table_has_a_row_a_detector_best_first_and_says_of_what_a_mean_is(tmp_path, monkeypatch):
    monkeypatch.setattr(fill_docs, "RESULTS", tmp_path)
    found = {"a": {"roc_auc": {"mean": 0.5}, "lead": {"mean": -0.25}}, "b": {"roc_auc": {"mean": 0.75}}}
    (tmp_path / "two.json").write_text(json.dumps(found))
    lines = fill_docs.table("two", ["roc_auc.mean", "lead.mean"]).splitlines()
    assert lines == [
        "| detector | mean | lead mean |",
        "| --- | ---: | ---: |",
        "| b | 0.750 |  |",
        "| a | 0.500 | -0.250 |",
    ]
    with pytest.raises(UserError, match=r"none.json is missing: a page shows it"):
        fill_docs.fill("<!-- results: none roc_auc -->\n<!-- end -->\n")
