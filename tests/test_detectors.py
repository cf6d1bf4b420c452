"""Fitting and scoring where only some clips have pixels: the others are passed over, and nothing breaks on them."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests import example_run
from vad.data import frames
from vad.data.frames import FrameStore
from vad.pipeline.errors import UserError
from vad.protocol import fitting
from vad.protocol.folds import select
from vad.visualization import panels

VALUES = {
    "seed": 0,
    "protocol": "clean",
    "detectors": {"motion": True, "stae": False},
    "motion": {"height": 120, "window": 0.5, "max_fit_frames": 100, "shrinkage": 30},
}
ROLES = {"01_001": "fit_all", "02_002": "calibration", "01_0001": "test", "02_0002": "test"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FrameStore:
    """Two training and two test clips; 02_0002 has no frames."""
    example_run.build(tmp_path, ["motion"], test_clips=2, frames=40)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(VALUES))
    monkeypatch.chdir(tmp_path)
    Path("data/frames/02_0002.zip").unlink()
    index = pd.read_parquet("data/frames.parquet")
    sample = index.assign(role=index["clip"].map(ROLES), fold=0)
    sample[["clip", "frame", "label", "role", "fold"]].to_parquet("data/sample.parquet")
    return FrameStore()


def test_clips_without_pixels_are_passed_over(store: FrameStore) -> None:
    fitting.fit("motion")
    scored = {part.clip.name for part in fitting.score("motion", store)}
    assert scored == {"01_0001", "02_002"}
    sample = pd.read_parquet("data/sample.parquet")
    assert {clip.name for clip in select(store, sample, pixels=False)} == set(ROLES)


@pytest.mark.parametrize(("clip", "use"), [("01_001", "fitted on"), ("02_002", "compared with")])
def test_a_detector_stands_aside_where_it_sees_nothing(store: FrameStore, clip: str, use: str) -> None:
    Path(f"data/frames/{clip}.zip").unlink()
    assert fitting.fit("motion") == {"frames": 0}
    meta = fitting.artifacts.load_state("data/models/motion")[1]
    assert meta["skipped"] == f"none of the clips to be {use} has pixels"
    assert list(fitting.score("motion", FrameStore())) == []


def test_no_panel_of_a_clip_without_pixels(store: FrameStore) -> None:
    rows = pd.DataFrame({"clip": ["02_0002"] * 2, "frame": [0, 1], "label": [0, 1], "alarm": True, "shown": 1.0})
    assert not panels.draw("motion", rows, store, 1, 0.5, Path("panel"), 50)


def test_an_unknown_detector_lists_those_there(store: FrameStore) -> None:
    with pytest.raises(UserError, match=r"unknown detector 'padm'; params.yaml \(detectors\) has motion, stae"):
        fitting.fit("padm")
    assert fitting.why_not("stae", store) == "switched off in params.yaml (detectors)"


def test_a_missing_frame_folder_is_a_data_set_of_tracks(store: FrameStore) -> None:
    for path in Path("data/frames").iterdir():
        path.unlink()
    assert fitting.why_not("motion", FrameStore(frames.DATA)) == "the data set has no pixels, only tracks"
