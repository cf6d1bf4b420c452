"""How late a camera's scores are, by clip: what its stream declares, whatever the store had ready."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests import moving_squares as squares
from tests.test_objects import FOUND
from tests.test_streaming import MOTION
from vad.data.frames import Clip
from vad.detectors import latency, motion
from vad.detectors.fitted import Fitted
from vad.detectors.streaming import OfObjects
from vad.detectors.tracks import live
from vad.evaluation import scorecard
from vad.perception import detection, tracking
from vad.perception.scene import Scene
from vad.perception.sight import Perception, Sight, View

LINKING = tracking.Params(reach=0.5, patience_seconds=0.5, least_seconds=0.5)
MADE_BY = {"extract_objects": FOUND.model_dump(mode="json"), "link_tracks": LINKING.model_dump(mode="json")}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return squares.clip(tmp_path_factory.mktemp("clips"), "walk", 1.2)


@pytest.fixture(scope="module")
def scene(clip: Clip) -> Scene:
    return Scene.learn([clip], 240)


class Model(Fitted):
    """A fitted model of any detector, whose stream is given."""

    def detector(self, fold: str = "all", backbone: object = None) -> object:
        assert fold == "0"
        return self.settings


class OfTracks:
    """As ``tracks``, without densities."""

    reach_seconds = 1.0

    def stream(self, perception: Perception) -> live.Stream:
        return live.Stream(self, perception)


class LooksAtObjects:
    """As ``objects`` and ``weak``."""

    def stream(self, perception: Perception) -> OfObjects:
        return OfObjects(perception, lambda camera, table, read: np.zeros(len(table)), pixels=False)


def model(name: str, detector: object, **meta: object) -> Fitted:
    return Model(name, {"0": {}, "1": {}}, detector, pd.DataFrame(), MADE_BY | meta)


def test_motion_is_late_by_what_its_frames_wait_for(clip: Clip) -> None:
    state = motion.fit([clip], MOTION, 0)
    found = latency.seconds(Fitted("motion", {"all": state}, MOTION, pd.DataFrame(), {}), [clip], {})
    stream = motion.Detector(state, MOTION).stream(Perception(latency.camera_of(clip)))
    came = {}
    for frame in clip.stored:
        for one in stream.push(Sight([View(int(frame), clip.read(frame))])):
            came[one.frame] = frame - one.frame
    assert found == {"walk": max(came.values()) / clip.fps}
    assert found["walk"] > 0


def test_objects_are_late_though_the_store_has_them_ready(clip: Clip, scene: Scene) -> None:
    finder = detection.Finder(Perception(latency.camera_of(clip)), scene, FOUND)
    faster = replace(clip, name="run", fps=20.0)
    found = latency.seconds(model("weak", LooksAtObjects()), [clip, faster], {"01": scene})
    assert found["walk"] == finder.latency / clip.fps > 0
    other = detection.Finder(Perception(latency.camera_of(faster)), scene, FOUND)
    assert found["run"] == other.latency / 20.0
    unknown = replace(clip, scene="yard")
    assert latency.seconds(model("weak", LooksAtObjects()), [unknown], {"01": scene}).keys() == {"walk"}


def test_tracks_wait_for_a_second_and_for_their_objects_unless_they_came_with_the_data(
    clip: Clip, scene: Scene
) -> None:
    finder = detection.Finder(Perception(latency.camera_of(clip)), scene, FOUND)
    linked = latency.seconds(model("tracks", OfTracks()), [clip], {"01": scene})
    assert linked["walk"] == pytest.approx(live.LATENCY + finder.latency / clip.fps)
    given = latency.seconds(model("tracks", OfTracks(), linked=False), [clip], {})
    assert given["walk"] == pytest.approx(live.LATENCY)


def test_metrics_hold_the_latency_in_the_delay() -> None:
    frames = np.arange(20)
    test = pd.DataFrame({"detector": "motion", "clip": "a", "frame": frames, "label": (frames >= 10).astype(int)})
    over = frames >= 12
    at_once = scorecard.Setting({"a": 2.0}, pd.DataFrame(), 0.0, False)
    late = replace(at_once, latency={"motion": {"a": 0.75}, "padim": {"a": 9.0}})
    assert scorecard.operation(test, over, at_once)["detection_delay_s"] == 1.0
    found = scorecard.operation(test, over, late)
    assert (found["detection_delay_s"], found["latency_s"]) == (1.75, 0.75)
