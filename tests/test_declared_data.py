"""Stages read what they declare: the whole pipeline, each stage where nothing but its declared dependencies exists."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests import sandbox
from vad.pipeline import results
from vad.pipeline.wiring import Stage

SMALLER = {
    "simulate": {
        "train_clips": 5,
        "test_clips": 3,
        "frames": 110,
        "width": 192,
        "height": 108,
        "scenes": 1,
        "weak_clips": 12,  # as many as weak needs to be fitted
        "weak_frames": 60,
    },
    "extract_frames": {"short_side": 108},
    "balance_sample": {"normal": 40, "cam_reference": 10, "prototypes_per_class": 60, "calibration": 100, "folds": 2},
    "backbone": {"image_size": 64},
    "encoder": {"image_size": 64},
    "padim": {"grid": 8, "n_features": 20},
    "spade": {"gallery": 20},
    "prototypes": {"k": 4},
    "object_ae": {"crop": 16, "channels": 4, "steps": 4},
    "tracks": {"components": 2, "boxes": 400, "scene_boxes": 200},
    "stae": {"steps": 2, "widths": [2, 2, 2, 2], "step_seconds": 0.04, "holdout_windows": 2},
    "evaluation": {"resamples": 100},
    "annotate": {"clips": 1},
}


def test_every_stage_runs_where_only_its_dependencies_exist(tmp_path):
    values = yaml.safe_load((sandbox.ROOT / "params.yaml").read_text())
    for section, changed in SMALLER.items():
        values[section] |= changed
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    environment = os.environ | {"PYTHONPATH": str(sandbox.ROOT), "VAD_WORKERS": "1", "VAD_DEVICE": "cpu"}
    command = [sys.executable, "-m", "tests.sandbox", str(tmp_path)]
    done = subprocess.run(command, cwd=sandbox.ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "made/report/report.tex").exists()
    ran = {path.stem for path in Path(tmp_path / "made/data/scores").glob("*.parquet")}
    reasons = {name: results.why_skipped(name, tmp_path / "made/data/models") for name in ran}
    assert {name: reason for name, reason in reasons.items() if reason} == {}
    assert ran == {stage.name.partition("@")[2] for stage in sandbox.stages(values) if stage.name.startswith("score@")}


def test_a_stage_that_reads_more_than_it_says_is_caught(tmp_path):
    """What is not declared is not there."""
    command, made = ("stages.tune_thresholds",), ("data/thresholds.json",)
    stage = Stage("tune_thresholds", command, ("data/manifest.csv",), made)
    (tmp_path / "params.yaml").write_bytes((sandbox.ROOT / "params.yaml").read_bytes())
    (tmp_path / "made/data").mkdir(parents=True)
    (tmp_path / "made/data/manifest.csv").write_text("clip,scene,split,frames,fps\n")
    assert sandbox.run(stage, tmp_path) == 1
    assert "data/fused.parquet" in (tmp_path / "box/tune_thresholds/log").read_text()
