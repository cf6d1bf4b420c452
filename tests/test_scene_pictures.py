import cv2
import numpy as np
import pandas as pd
import pytest

from tests import example_run
from vad.data.frames import FrameStore
from vad.pipeline.results import read_table
from vad.visualization import scene_pictures, style


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    root = tmp_path_factory.mktemp("run")
    example_run.build(root, ["padim"])
    return FrameStore(root / "data")


def test_a_normal_frame_of_each_scene_and_the_largest_mask_of_each_type(store):
    events = read_table(store.folder / "events.csv")
    found = scene_pictures.views(store, events)
    assert [view.title for view in found] == ["scene 01: normal", "scene 02: normal", *sorted(example_run.TYPES)]
    for view in found[2:]:
        areas = store.masks(view.clip.name).sum(axis=(1, 2))
        assert areas[view.frame] == areas.max() > 0


def test_without_types_an_abnormal_frame_of_each_clip(store):
    found = scene_pictures.views(store, pd.DataFrame(columns=["clip", "first_frame", "last_frame", "type"]))
    abnormal = [view for view in found if view.title.endswith(": abnormal")]
    assert len(abnormal) == 4
    assert all(view.clip.labels[np.searchsorted(view.clip.frames, view.frame)] for view in abnormal)


def test_picture_has_as_many_rows_as_it_needs(store, tmp_path):
    found = scene_pictures.views(store, read_table(store.folder / "events.csv"))
    heights = []
    with style.style():
        for shown in (found, found[:4]):
            scene_pictures.draw(shown, store, tmp_path / "scenes", 60)
            heights.append(cv2.imread(str(tmp_path / "scenes.png")).shape[0])
    assert heights[0] > 1.6 * heights[1]
