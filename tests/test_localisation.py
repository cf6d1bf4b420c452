import weakref

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests import example_run
from vad.data.frames import FrameStore
from vad.metrics import localisation
from vad.metrics.localisation import (
    GridMasks,
    Located,
    Truth,
    grid,
    pixel_roc_auc,
    region_criteria,
    resize_maps,
    resize_masks,
)
from vad.metrics.measures import Params
from vad.pipeline import artifacts

PARAMS = Params(
    resamples=100, confidence=0.95, map_short_side=16, map_thresholds=20, alpha=0.5, beta=0.1, plot_detectors=3
)


def located(maps: np.ndarray, masks: np.ndarray) -> list[Located]:
    return [Located(maps.astype(np.float16), Truth.of(masks))]


@pytest.fixture
def masks() -> np.ndarray:
    """4 frames of 8x8: one 2x2 object in frames 0-1, another, elsewhere, in frames 1-3."""
    masks = np.zeros((4, 8, 8), bool)
    masks[0:2, 0:2, 0:2] = True
    masks[1:4, 5:7, 5:7] = True
    return masks


def test_regions_and_tracks_of_the_truth(masks):
    truth = Truth.of(masks)
    assert truth.sizes.tolist() == [4] * 5
    assert np.bincount(truth.track).tolist() == [2, 3]


def test_perfect_maps(masks):
    clips = located(masks.astype(float), masks)
    assert pixel_roc_auc(clips) == 1.0
    assert region_criteria(clips, PARAMS) == (1.0, 1.0)


def test_one_track_of_two(masks):
    maps = masks.astype(float)
    maps[1:4, 5:7, 5:7] = 0  # 2 of 5 regions are found, all of one track's and none of the other's
    rbdc, tbdc = region_criteria(located(maps, masks), PARAMS)
    assert rbdc == pytest.approx(2 / 5)
    assert tbdc == pytest.approx(1 / 2)


def test_a_track_needs_its_share_of_regions(masks):
    maps = masks.astype(float)
    maps[2:4] = 0  # the second track keeps 1 of 3 regions
    assert region_criteria(located(maps, masks), PARAMS)[1] == pytest.approx(1 / 2)
    assert region_criteria(located(maps, masks), PARAMS.model_copy(update={"alpha": 0.3}))[1] == 1.0


def test_false_positives_push_the_curve_right(masks):
    maps = masks.astype(float)
    maps[0:2, 7, 0] = 2.0  # two false regions in 4 frames, scored above everything: the curve starts at 0.5 per frame
    assert region_criteria(located(maps, masks), PARAMS)[0] == pytest.approx(0.5)


def test_a_region_that_is_far_too_large_is_no_detection(masks):
    maps = np.repeat(masks.any(axis=(1, 2))[:, None, None], 8, axis=1).repeat(8, axis=2).astype(float)
    assert region_criteria(located(maps, masks), PARAMS)[0] == 0  # 4 of 64 cells: IoU below 0.1


def test_pixel_auc_equals_sklearn(masks):
    maps = np.random.default_rng(0).normal(size=masks.shape).astype(np.float16) + masks
    expected = roc_auc_score(masks.ravel(), maps.astype(np.float16).ravel())
    assert pixel_roc_auc(located(maps, masks)) == pytest.approx(expected)


def test_clips_add_up(masks):
    maps = np.random.default_rng(1).normal(size=masks.shape) + 2 * masks
    twice = located(maps, masks) * 2
    assert region_criteria(twice, PARAMS) == pytest.approx(region_criteria(located(maps, masks), PARAMS), abs=0.05)
    assert pixel_roc_auc(twice) == pytest.approx(pixel_roc_auc(located(maps, masks)))


def test_no_mask_no_figure():
    clips = located(np.ones((2, 8, 8)), np.zeros((2, 8, 8), bool))
    assert np.isnan(pixel_roc_auc(clips))
    assert all(np.isnan(value) for value in region_criteria(clips, PARAMS))


def test_grid_keeps_the_shape_and_never_enlarges():
    assert grid(240, 360, 48) == (48, 72)
    assert grid(30, 40, 48) == (30, 40)
    masks = np.zeros((1, 4, 4), bool)
    masks[0, :2, :2] = True
    assert resize_masks(masks, (2, 2)).tolist() == [[[True, False], [False, False]]]


def test_maps_in_files_are_read_one_at_a_time_and_measured_as_those_in_memory(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    example_run.build(tmp_path, ["motion"], test_clips=3, frames=12)
    store = FrameStore(tmp_path / "data")
    masks, together = GridMasks(store, 24), []
    for clip, (frames, _) in masks.clips.items():
        maps = (rng.random((len(frames), 10, 18)) ** 3).astype(np.float16)
        artifacts.save_arrays(tmp_path / f"maps/{clip}.npz", {"frames": frames, "maps": maps})
        own = store.masks(clip)
        truth = Truth.of(
            resize_masks(own, masks.size) if own is not None else np.zeros((len(frames), *masks.size), bool)
        )
        together.append(Located(resize_maps(maps, masks.size), truth))
    expected = region_criteria(together, PARAMS)
    assert region_criteria(masks.locate(tmp_path / "maps"), PARAMS) == expected
    monkeypatch.setattr(localisation, "CACHED", 0)
    folder, alive = masks.locate(tmp_path / "maps"), []
    for clip in folder:
        alive.append(weakref.ref(clip.maps))
        del clip
        assert sum(own() is not None for own in alive[:-1]) <= 1
    assert len(folder) == 3
    assert pixel_roc_auc(folder) == pixel_roc_auc(together)
    assert region_criteria(folder, PARAMS) == expected
    monkeypatch.setattr(localisation, "TOGETHER", 1)
    assert region_criteria(folder, PARAMS) == expected
