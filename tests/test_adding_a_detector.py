"""docs/adding-a-detector.md, followed to the letter: two new files, three edits, and the detector runs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests import example_run

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r'^```\w+ title="([^"]+)"(?: after="([^"]+)"| (at the end))?\n(.*?)^```$', re.DOTALL | re.MULTILINE)


def follow(page: str, root: Path) -> dict[str, int]:
    """Do what the page says below ``root``; returns how many files are new and how many edits were made."""
    done = {"files": 0, "edits": 0}
    for name, after, end, text in BLOCK.findall(page):
        file = root / name
        if not (after or end):
            assert not file.exists()
            file.write_text(text)
            done["files"] += 1
            continue
        before = file.read_text()
        if end:
            file.write_text(f"{before.rstrip()}\n\n{text}")
        else:
            assert before.count(f"{after}\n") == 1, f"{name}: '{after}' is there {before.count(after)} times"
            file.write_text(before.replace(f"{after}\n", f"{after}\n{text}"))
        done["edits"] += 1
    return done


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """The project with the page's detector, over a small made-up frame store."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("vad", "stages", "report"):
        shutil.copytree(
            ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "report.tex", "report.pdf")
        )
    example_run.build(root, ["padim"], test_clips=2, frames=40, extras=False)
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, root / name)
    done = follow((ROOT / "docs/adding-a-detector.md").read_text(), root)
    assert done == {"files": 2, "edits": 3}
    index = pd.read_parquet(root / "data/frames.parquet")
    roles = {"01_001": "fit_all", "02_002": "calibration", "01_0001": "test", "02_0002": "test"}
    sample = index.assign(role=index["clip"].map(roles), fold=0)
    sample[["clip", "frame", "label", "role", "fold"]].to_parquet(root / "data/sample.parquet")
    return root


def run(root: Path, *command: str) -> str:
    done = subprocess.run([sys.executable, "-m", *command], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_fitted_and_scores_what_it_should(project):
    run(project, "stages.fit_brightness")
    run(project, "stages.score", "brightness")
    table = pd.read_parquet(project / "data/scores/brightness.parquet")
    test = table[table["role"] == "test"]
    assert test.groupby("clip").size().to_dict() == {"01_0001": 40, "02_0002": 40}
    frame = "from vad.data.frames import FrameStore as S; c = {c.name: c for c in S().clips()}"
    worked = run_python(project, f"{frame}; print([float(c['01_0001'].read_gray(i).mean()) for i in range(40)])")
    usual = run_python(project, f"{frame}; print([float(c['01_001'].read_gray(i).mean()) for i in range(40)])")
    expected = np.abs(np.array(worked) - np.mean(usual)) / max(np.std(usual), 0.5)
    found = test[test["clip"] == "01_0001"].sort_values("frame")["score"]
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02)  # gray by OpenCV's weights, from RGB or from JPEG


def run_python(root: Path, code: str) -> list:
    """What ``code`` prints last, as YAML."""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout.splitlines()[-1])


def test_the_project_knows_it_everywhere(project):
    asked = (
        "from vad.detectors import registry, titles; from vad.report.report import Facts; from pathlib import Path;"
        "from vad.benchmark import speeds; import yaml;"
        "f = Facts(Path(), yaml.safe_load(open('params.yaml'))); f.metrics['brightness'] = {};"
        "m = [m for m in f.methods(Path('report')) if m['title'] == 'Brightness'];"
        "print([titles.title('brightness'), registry.switches()['brightness'], m[0]['text'][:18],"
        "'brightness score' in [row.name for row in speeds.rows()]])"
    )
    assert run_python(project, asked) == ["Brightness", True, "``brightness``: fr", True]
