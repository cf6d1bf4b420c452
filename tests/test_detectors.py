"""Which detectors run: by their switch, by what the data set has, and by what each role's clips have."""

from types import SimpleNamespace

import pandas as pd
import pytest

from vad import detectors
from vad.errors import UserError

ROWS = [("n", "calibration"), ("t", "fit_all"), ("t", "padim"), ("a", "test")]
SAMPLE = pd.DataFrame([(*row, 0, 0, -1) for row in ROWS], columns=["clip", "role", "frame", "label", "fold"])


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(
        "seed: 0\nprotocol: clean\ndetectors: {padim: true, tracks: true, stae: false}"
    )


def store(pixels: str, tracks: int = 0) -> SimpleNamespace:
    return SimpleNamespace(with_pixels=set(pixels), has_pixels=bool(pixels), linked_tracks=[None] * tracks)


def test_a_detector_that_cannot_run_says_why():
    assert detectors.why_not("padim", store("nta")) is None
    assert detectors.why_not("stae", store("nta")) == "switched off in params.yaml (detectors)"
    assert detectors.why_not("padim", store("")) == "the data set has no pixels, only tracks"
    assert detectors.why_not("tracks", store("nta")) == "the data set has no person tracks"
    assert detectors.why_not("tracks", store("", tracks=1)) is None
    with pytest.raises(UserError, match=r"unknown detector 'padmi'; params.yaml \(detectors\) has padim, tracks, stae"):
        detectors.why_not("padmi", store("nta"))


@pytest.mark.parametrize(("pixels", "use"), [("na", "be fitted on"), ("ta", "be compared with")])
def test_where_only_some_clips_have_pixels_both_roles_need_one_that_has(pixels, use):
    assert detectors.why_blind("padim", store("nta"), SAMPLE) is None
    assert detectors.why_blind("padim", store(pixels), SAMPLE) == f"none of the clips to {use} has pixels"
    assert detectors.why_blind("tracks", store(pixels), SAMPLE) is None
