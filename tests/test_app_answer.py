"""The app's first page says what the report's first page says."""

import sys
from pathlib import Path

import pytest

from tests import example_run
from vad.pipeline import artifacts

testing = pytest.importorskip("streamlit.testing.v1", reason="streamlit is not installed")
PAGE = Path(__file__).parents[1] / "app" / "views" / "compare.py"


@pytest.fixture(autouse=True)
def _main_stays(monkeypatch):
    """A page runs as ``__main__``, and what other tests spawn afterwards would begin by running it again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.mark.parametrize("answered", [True, False])
def test_the_sentences_stand_above_the_table(tmp_path, monkeypatch, answered) -> None:
    example_run.build(tmp_path, ["motion", "padim"])
    file = tmp_path / "data/answer.json"
    says = artifacts.load_json(file)["says"]
    if not answered:
        file.unlink()
    monkeypatch.setenv("VAD_PROJECT", str(tmp_path))
    page = testing.AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not page.exception
    shown = "\n".join(own.value for own in page.markdown)
    assert [sentence for sentence in says if f"- {sentence}" in shown] == (says if answered else [])
