"""Names of detectors: what people read, and what is no detector at all."""

from pathlib import Path

import pytest
import yaml

from vad.detectors import titles
from vad.pipeline.errors import UserError


def test_a_detector_without_an_entry_shows_its_key() -> None:
    assert titles.title("padim") == "PaDiM"
    assert titles.title("my_own") == "my own"


def test_the_order_is_that_of_the_parameters(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("detectors: {stae: false, padim: true}\n")
    assert titles.ordered(["zz", "fusion", "motion", "stae", "padim"]) == ["stae", "padim", "motion", "fusion", "zz"]


def test_a_typing_error_is_refused_and_a_detector_that_did_not_run_is_not(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"detectors": {"stae": False}}))
    titles.check(["motion", "stae", "fusion_max", "mine"], ran=["mine", "padim"], key="annotate.maps")
    with pytest.raises(UserError, match=r"annotate\.maps: there is no detector 'motoin'; choose from mine, stae"):
        titles.check(["motoin"], ran=["mine", "stae"], key="annotate.maps")
