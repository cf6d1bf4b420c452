"""``stages.compare_seeds``: figures over runs that differ in their seed alone."""

import json
from pathlib import Path

import pytest
import yaml

from stages import compare_seeds
from vad.benchmark import runs
from vad.pipeline.errors import UserError


def run(folder: Path, seed: int, found: dict[str, dict], **more: object) -> Path:
    own = folder / f"run{seed}{len(more) or ''}"
    (own / "metrics").mkdir(parents=True)
    (own / "params.yaml").write_text(yaml.safe_dump({"seed": seed, "protocol": "clean", **more}))
    for name, values in found.items():
        (own / "metrics" / f"{name}.json").write_text(json.dumps(values))
    (own / "metrics" / "leak.json").write_text(json.dumps({"padim": {"paper": 0.9}}))
    return own


@pytest.fixture
def two(tmp_path) -> list[Path]:
    first = {
        "motion": {"roc_auc": 0.7, "by_event": {"fall": 0.2, "running": 0.9}},
        "stillness": {"roc_auc": 0.8, "by_event": {"fall": 0.9}},
        "fusion": {"roc_auc": 0.85, "by_event": {"fall": 0.7}},
    }
    second = {
        "motion": {"roc_auc": 0.9, "by_event": {"fall": 0.4}},
        "stillness": {"roc_auc": 0.6, "by_event": {"fall": 0.7}},
        "fusion": {"roc_auc": 0.75, "by_event": {"fall": 0.5}},
        "weak": {"roc_auc": 0.99},
    }
    return [run(tmp_path, 0, first), run(tmp_path, 1, second)]


def test_mean_spread_worst_case_and_the_lead_over_the_best_single_detector_of_the_same_run(two, monkeypatch, capsys):
    found = runs.spread(runs.load(two))
    assert sorted(found) == ["fusion", "motion", "stillness"]  # weak is not in both
    assert found["motion"]["roc_auc"] == {
        "mean": pytest.approx(0.8), "sd": pytest.approx(0.02**0.5), "least": 0.7, "most": 0.9, "values": [0.7, 0.9],
    }  # fmt: skip
    assert found["fusion"]["lead"]["values"] == pytest.approx([0.05, 0.75 - 0.99])  # a fusion is no single detector
    assert found["stillness"]["lead"]["most"] == pytest.approx(0.0)
    assert found["motion"]["fall"]["least"] == 0.2
    assert "running" not in found["motion"]  # not in every run
    kept = two[0] / "kept.json"
    monkeypatch.setattr("sys.argv", ["compare_seeds", *map(str, two), "--json", str(kept)])
    compare_seeds.main()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "seeds 0, 1"
    assert [line.split()[0] for line in printed[2:]] == ["fusion", "motion", "stillness"]
    assert printed[2].split()[1:6] == ["0.800", "0.071", "0.750", "0.850", "-0.240"]
    assert json.loads(kept.read_text())["run"]["seeds"] == [0, 1]


def test_runs_that_cannot_be_compared_are_refused_in_one_line(two, tmp_path):
    with pytest.raises(UserError, match="at least two runs"):
        runs.load(two[:1])
    with pytest.raises(UserError, match="seed 0 was given before"):
        runs.load([two[0], two[0]])
    other = run(tmp_path, 2, {"motion": {"roc_auc": 0.5}}, motion={"window": 3})
    with pytest.raises(UserError, match=r"run21/params.yaml: motion differ from .*run0's: only seeds may"):
        runs.load([two[0], other])
    with pytest.raises(UserError, match="has no ROC-AUC"):
        runs.load([two[0], run(tmp_path, 3, {})])
