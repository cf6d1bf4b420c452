"""What 'make demo' prints at its end."""

import json

import pytest

from stages import show_results
from vad.pipeline.results import why_unranked


def write(folder, **metrics):
    folder.mkdir(exist_ok=True)
    for name, values in metrics.items():
        (folder / f"{name}.json").write_text(json.dumps(values))


def test_detectors_come_best_first(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    counts = {"frames": 90, "abnormal_frames": 30}
    write(
        tmp_path / "metrics",
        padim={"roc_auc": 0.6, **counts},
        motion={"roc_auc": 0.7, **counts},
        stae={"skipped": "no"},
    )
    show_results.show(*show_results.results(tmp_path / "metrics"))
    printed = capsys.readouterr().out
    assert printed.index("motion") < printed.index("padim")
    assert "stae: did not run: no" in printed


@pytest.mark.parametrize(("abnormal", "kind"), [(0, "normal"), (90, "abnormal")])
def test_without_labels_it_says_why_and_what_to_look_at(tmp_path, monkeypatch, capsys, abnormal, kind):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "metrics", motion={"frames": 90, "abnormal_frames": abnormal})
    review = [{"clip": "friday", "scene": "01", "second": 3.5, "score": 0.99, "agree": ["padim"]}]
    write(tmp_path / "data", answer={"says": ["Motion is the only detector that ran."], "review": review})
    show_results.show(*show_results.results(tmp_path / "metrics"))
    printed = capsys.readouterr().out
    assert f"all 90 test frames are labelled {kind}" in printed
    assert "Motion is the only detector" in printed
    assert "friday" in printed
    assert "nan" not in printed.lower()
    assert "Empty" not in printed


def test_both_classes_can_be_ranked():
    assert why_unranked(90, 1) is None
