"""The pictures and tables that pages are filled with."""

import json

import pytest

from vad.benchmark import pages
from vad.pipeline.errors import UserError


def test_the_picture_of_the_stages_leaves_out_what_is_implied():
    lines = {line.strip() for line in pages.dag().splitlines()}
    assert "simulate --> extract_frames" in lines
    assert "fit --> score" in lines  # one box for all detectors
    assert "extract_frames --> fit" not in lines  # by way of others
    assert not any("@" in line for line in lines)


def test_only_what_is_marked_is_filled():
    text = "before\n<!-- stages -->\nold\n<!-- end -->\nafter\n"
    assert pages.fill(text) == f"before\n<!-- stages -->\n{pages.dag()}<!-- end -->\nafter\n"
    assert pages.fill("no mark, nothing filled") == "no mark, nothing filled"


def test_a_table_has_a_row_a_detector_best_first_and_says_of_what_a_mean_is(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "RESULTS", tmp_path)
    found = {"a": {"roc_auc": {"mean": 0.5}, "lead": {"mean": -0.25}}, "b": {"roc_auc": {"mean": 0.75}}}
    (tmp_path / "two.json").write_text(json.dumps(found))
    lines = pages.table("two", ["roc_auc.mean", "lead.mean"]).splitlines()
    assert lines == [
        "| detector | mean | lead mean |",
        "| --- | ---: | ---: |",
        "| b | 0.750 |  |",
        "| a | 0.500 | -0.250 |",
    ]
    with pytest.raises(UserError, match=r"none.json is missing: a page shows it"):
        pages.fill("<!-- results: none roc_auc -->\n<!-- end -->\n")
