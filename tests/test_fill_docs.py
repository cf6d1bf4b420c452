"""The pictures and tables that pages are filled with."""

from stages import fill_docs


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
