import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import fit_motion, fuse, rank, repeat_seeds, score
from tests import example_run
from vad.detectors import motion
from vad.pipeline.errors import UserError

VALUES = {
    "seed": 0,
    "protocol": "clean",
    "data": {"root": "data/toy"},
    "detectors": {"motion": True},
    "motion": {"height": 120, "window": 0.5, "max_fit_frames": 100, "shrinkage": 30},
    "temporal": {"method": "gaussian", "sigma_seconds": 0.3, "median_window": 17, "causal": "gaussian"},
    "fusion": {"detectors": "all", "ridge": 0.1},
    "evaluation": {
        "resamples": 100, "confidence": 0.95, "map_short_side": 16, "map_thresholds": 20, "alpha": 0.1, "beta": 0.1,
        "plot_detectors": 2,
    },
}  # fmt: skip
ROLES = {"01_001": "fit_all", "02_002": "calibration", "01_0001": "test", "02_0002": "test"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    example_run.build(tmp_path, ["motion"], test_clips=2, frames=40)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(VALUES))
    monkeypatch.chdir(tmp_path)
    index = pd.read_parquet("data/frames.parquet")
    sample = index.assign(role=index["clip"].map(ROLES), fold=0)
    sample[["clip", "frame", "label", "role", "fold"]].to_parquet("data/sample.parquet")
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict:
    monkeypatch.setattr(sys, "argv", ["stage", *arguments, "--json", "seeds.json"])
    repeat_seeds.main()
    return json.loads(Path("seeds.json").read_text())


def test_a_repeated_fit_is_ranked_as_in_the_pipeline(project, monkeypatch) -> None:
    made = run(monkeypatch, "--detectors", "motion", "--seeds", "0", "1")
    assert made["run"] == {"data": "toy", "protocol": "clean", "seeds": [0, 1]}
    monkeypatch.setattr(sys, "argv", ["stage"])
    fit_motion.main()
    score.main("motion")
    Path("data/scores/unknown.parquet").unlink(missing_ok=True)
    fuse.main()
    rank.main()
    ranked = json.loads(Path("data/ranking.json").read_text())["motion"]
    for metric in repeat_seeds.METRICS:
        assert made["motion"][metric]["values"] == [pytest.approx(ranked[metric], abs=1e-6)] * 2
        assert made["motion"][metric]["sd"] == 0


def test_every_seed_is_a_fit_of_its_own(project, monkeypatch) -> None:
    class Guess:
        def __init__(self, state, params):
            self._seed = int(state["seed"])

        def score(self, clip):
            return np.random.default_rng(self._seed).normal(size=len(clip.frames)), None

    monkeypatch.setattr(motion, "fit", lambda clips, params, seed: {"seed": np.array(seed)})
    monkeypatch.setattr(motion, "Detector", Guess)
    found = run(monkeypatch, "--detectors", "motion", "--seeds", "0", "1", "2")["motion"]["roc_auc"]
    assert len(set(found["values"])) == 3
    assert found["mean"] == pytest.approx(np.mean(found["values"]), abs=1e-6)
    assert found["sd"] == pytest.approx(np.std(found["values"], ddof=1), abs=1e-6)
    assert (found["least"], found["most"]) == (min(found["values"]), max(found["values"]))


def test_mistakes_are_one_line(project, monkeypatch) -> None:
    with pytest.raises(UserError, match="two different seeds"):
        run(monkeypatch, "--detectors", "motion", "--seeds", "1")
    with pytest.raises(UserError, match="there is no 'padme'; choose from"):
        run(monkeypatch, "--detectors", "padme")
