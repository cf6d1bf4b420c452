import json
import sys
from pathlib import Path

import pytest

from stages import check_budget
from vad.benchmark import held_out
from vad.pipeline.errors import UserError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """Rendered clips of 2 s in place of 30, a quarter of the size."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAD_WORKERS", "1")
    monkeypatch.setattr(held_out, "CLIP_FRAMES", 48)
    monkeypatch.setattr(held_out, "SIZE", (192, 96))
    return tmp_path


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", "--work", "work", "--splits", "20", *arguments])
    check_budget.main()


def test_a_check_from_nothing_promises_on_one_half_and_counts_on_the_other(here, monkeypatch) -> None:
    run(monkeypatch, "--minutes", "0.2", "--budgets", "6", "900", "--json", "made.json")
    made = json.loads(Path("made.json").read_text())
    assert made["run"]["blocks"] == made["run"]["clips"] == 4  # one clip of each scene was fitted on
    assert made["run"]["minutes"] == pytest.approx(4 * 2 / 60, abs=1e-6)
    assert made["6"]["refused"] == 1
    assert made["900"]["refused"] == 0
    assert made["900"]["promised"] <= 900


def test_more_than_can_be_rendered_is_one_line(here, monkeypatch) -> None:
    with pytest.raises(UserError, match="at most"):
        run(monkeypatch, "--minutes", "500")
