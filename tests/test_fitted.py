"""Fitted models: they stand alone, or stand aside where the data does not let them."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests import example_run
from vad.data import frames
from vad.data.frames import FrameStore
from vad.deploy import export
from vad.detectors import motion, registry
from vad.detectors.fitted import load_fitted
from vad.detectors.scoring import score_clips
from vad.pipeline import results
from vad.pipeline.errors import CannotFit, UserError
from vad.post_processing import fused, temporal
from vad.protocol.fitting import Plan, why_not
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


def fit() -> dict:
    from stages import fit_motion

    return fit_motion.main()


def test_a_detector_that_cannot_be_fitted_stands_aside_with_its_reason(store, monkeypatch, caplog):
    from stages import fit_motion, score

    def refuse(*_):
        raise CannotFit("no clip is long enough")

    monkeypatch.setattr(registry.module("motion"), "fit", refuse)
    with caplog.at_level("INFO"):
        assert fit_motion.main() == {"frames": 0}
        assert score.main("motion") == {"frames": 0}
    assert results.why_skipped("motion") == "no clip is long enough"
    assert "motion does not run: no clip is long enough" in caplog.text
    assert list(Path("data/maps/motion").iterdir()) == []


def test_clips_without_pixels_are_passed_over(store: FrameStore) -> None:
    fit()
    plan = Plan.of(registry.declared("motion"))
    model = load_fitted("data/models/motion")
    (fold,) = plan.folds
    assert {clip.name for clip, _ in score_clips(model, "all", plan, fold.test)} == {"01_0001"}
    assert set(model.normal["clip"]) == {"02_002"}
    sample = pd.read_parquet("data/sample.parquet")
    assert {clip.name for clip in select(store, sample, pixels=False)} == set(ROLES)


def test_a_fitted_model_scores_alone(store: FrameStore, tmp_path: Path, monkeypatch) -> None:
    """No params.yaml, no sample, no store: the folder is enough, and gives the scores it gave in the pipeline."""
    fit()
    clip = next(clip for clip in store.clips() if clip.name == "02_002")
    clip = replace(clip, path=clip.path.absolute())
    alone = tmp_path / "elsewhere"
    shutil.copytree("data/models/motion", alone / "motion")
    monkeypatch.chdir(alone)
    model = load_fitted(alone / "motion")
    assert model.settings.height == 120
    assert model.meta["scenes"] == ["01"]
    scores, _ = model.detector().score(clip)
    normal = model.normal[model.normal["clip"] == "02_002"]
    np.testing.assert_array_equal(scores, normal["score"].to_numpy(np.float32))
    with pytest.raises(UserError, match="motion has no fit '3'; choose from all"):
        model.detector("3")


def test_a_model_of_another_revision_of_its_detector_is_refused(store: FrameStore, monkeypatch) -> None:
    fit()
    folder = results.MODELS / "motion"
    assert load_fitted(folder).meta["revision"] == 1
    later = replace(registry.declared("motion"), revision=2)
    monkeypatch.setattr(registry, "declared", lambda name: later)
    with pytest.raises(UserError, match="fitted by revision 1 of motion, this is 2") as refused:
        load_fitted(folder)
    assert "\n" not in str(refused.value)


def test_what_a_camera_has_is_a_column_of_its_own_and_makes_the_causal_one(store: FrameStore, monkeypatch) -> None:
    from stages import score

    def live(self: motion.Detector, clip: frames.Clip) -> np.ndarray:
        return self.score(clip)[0] / 2 + clip.frames

    monkeypatch.setattr(motion.Detector, "live", live, raising=False)
    fit()
    score.main("motion")
    rows, normal = pd.read_parquet("data/scores/motion.parquet"), load_fitted("data/models/motion").normal
    for table in (rows, normal):
        np.testing.assert_allclose(table["live"], table["score"] / 2 + table["frame"])
    none = temporal.Params(method="none", sigma_seconds=1, median_window=1, causal="gaussian")
    scenes = dict.fromkeys(ROLES, "01")
    made = fused.detector_rows("motion", rows.assign(fold=-1), dict.fromkeys(ROLES, 10.0), scenes, none)
    np.testing.assert_allclose(made["causal"], made["score"] / 2 + made["frame"])
    np.testing.assert_array_equal(made["smoothed"], made["score"])
    live = export.normal_scores(Path("data/models"), ["motion"], none)["motion"]
    np.testing.assert_array_equal(np.sort(live), np.sort(normal["live"]))


@pytest.mark.parametrize(("clip", "use"), [("01_001", "fitted on"), ("02_002", "compared with")])
def test_a_detector_stands_aside_where_it_sees_nothing(store: FrameStore, clip: str, use: str) -> None:
    Path(f"data/frames/{clip}.zip").unlink()
    assert fit() == {"frames": 0}
    assert results.why_skipped("motion") == f"none of the clips to be {use} has pixels"
    with pytest.raises(UserError, match="motion was not fitted: none of the clips"):
        load_fitted("data/models/motion")


def test_no_panel_of_a_clip_without_pixels(store: FrameStore) -> None:
    rows = pd.DataFrame({"clip": ["02_0002"] * 2, "frame": [0, 1], "label": [0, 1], "alarm": True, "shown": 1.0})
    assert not panels.draw("motion", rows, store, 1, 0.5, Path("panel"), 50)


def test_an_unknown_detector_lists_those_there(store: FrameStore) -> None:
    with pytest.raises(UserError, match=r"there is no detector 'padm'; choose from gradcam, motion, "):
        registry.declared("padm")
    assert why_not(registry.declared("stae"), store) == "switched off in params.yaml (detectors)"


def test_a_missing_frame_folder_is_a_data_set_of_tracks(store: FrameStore) -> None:
    for path in Path("data/frames").iterdir():
        path.unlink()
    store = FrameStore(frames.DATA)
    assert why_not(registry.declared("motion"), store) == "the data set has no pixels, only tracks"
