"""The stage as DVC runs it: a script that fills data/, or fails with one line and exit code 1."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.test_extraction import plain
from vad.data.frames import FrameStore

PROJECT = Path(__file__).parents[1]


def run_stage(folder: Path) -> subprocess.CompletedProcess:
    sections = {
        "data": {"root": "raw", "layout": "auto", "fps": None, "size": None},
        "extract_frames": {"short_side": 240, "stride": 1, "jpeg_quality": 95, "turn_back": True},
        "weak_clips": {"stride": 40, "run": 9},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(sections))
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "VAD_WORKERS": "1"}
    command = [sys.executable, "-m", "stages.extract_frames"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_stage(tmp_path: Path) -> None:
    root = plain(tmp_path / "raw")
    assert run_stage(tmp_path).returncode == 0
    assert [clip.name for clip in FrameStore(tmp_path / "data").clips()] == ["evening", "morning"]
    (root / "labels.csv").unlink()
    result = run_stage(tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("extract_frames: test clip evening.mkv has no labels: write raw/labels.csv")
    assert result.stderr.count("\n") == 1
