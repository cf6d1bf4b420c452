"""Figures drawn side by side: in order, the same bytes as one after the other, and mistakes come through."""

from functools import partial
from pathlib import Path

import pytest

from vad.drawing import style
from vad.errors import UserError


def _plot(number: int, path: Path) -> int:
    with style.style():
        figure, axis = style.plt.subplots(figsize=(2, 1))
        axis.plot([0, number], label=f"line {number}")
        axis.legend()
        style.save(figure, path / f"{number}", dpi=60, vector=True)
    return number


@pytest.mark.parametrize("workers", [1, 3])
def test_side_by_side_as_one_after_the_other(tmp_path, monkeypatch, workers):
    for folder in ("one", "many"):
        (tmp_path / folder).mkdir()
    for number in range(4):
        _plot(number, tmp_path / "one")
    monkeypatch.setenv("VAD_WORKERS", str(workers))
    assert style.side_by_side([partial(_plot, number, tmp_path / "many") for number in range(4)]) == [0, 1, 2, 3]
    expected = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert len(expected) == 8
    assert {path.name: path.read_bytes() for path in (tmp_path / "many").iterdir()} == expected


def test_a_mistake_comes_through(monkeypatch):
    monkeypatch.setenv("VAD_WORKERS", "2")

    def refuse():
        raise UserError("no such map")

    with pytest.raises(UserError, match="no such map"):
        style.side_by_side([lambda: 1, refuse])
