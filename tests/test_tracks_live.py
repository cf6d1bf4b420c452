from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests import moving_squares as squares
from tests.test_objects import FOUND, extracted
from tests.test_streaming import looked_at, same
from tests.test_tracks import PARAMS, clip, normal_clips, walk
from vad.detectors import streaming, tracks
from vad.detectors.tracks.live import Stream
from vad.perception import followed, tracking
from vad.perception.feeding import camera_of
from vad.perception.scene import Scene
from vad.perception.sight import Perception, Sight, View

LINKING = tracking.Params(reach=0.5, patience_seconds=0.5, least_seconds=0.5)
LATE, PACE = 24, 5  # frames at 24 per second


@pytest.fixture(scope="module")
def detector() -> tracks.Detector:
    return tracks.Detector(tracks.fit(normal_clips(), PARAMS, seed=0), PARAMS)


@pytest.fixture(scope="module")
def boxes() -> pd.DataFrame:
    """A walker, unseen for a second and longer than any window looks back; a runner who comes and goes."""
    random = np.random.default_rng(7)
    walker, runner = walk(random, track=1, frames=400), walk(random, speed=200.0, track=2, frames=60)
    walker = walker[~walker["frame"].between(300, 315)]
    return pd.concat([walker, runner.assign(frame=runner["frame"] + 320)]).sort_values("frame")


def opened(detector: tracks.Detector, one) -> Stream:
    perception = Perception(camera_of(one))
    followed.give(perception, followed.Stored(one))
    return detector.stream(perception)


def pushed(detector: tracks.Detector, boxes: pd.DataFrame, wanted: set[int]) -> dict[int, float]:
    """Frame -> its score as it comes, and when: as late as is said."""
    stream, scores = opened(detector, clip("gate", boxes, frames=400)), {}
    for frame in range(400):
        for one in stream.push(Sight([View(frame, np.empty(0), frame in wanted)])):
            assert one.frame == frame - LATE
            scores[one.frame] = float(one.score)
        assert len(stream._boxes) <= stream._reach + stream.latency + PACE + 1
    return scores


def test_a_frame_scores_as_in_a_clip_that_ends_when_it_is_told(detector, boxes):
    wanted = {5, 30, 250, 310, 325, 350, 375}
    scores = pushed(detector, boxes, wanted)
    assert set(scores) == wanted
    for frame, score in scores.items():
        first = frame // PACE * PACE  # the slot's
        until = clip("until", boxes[boxes["frame"] <= first + LATE], frames=first + 1)
        np.testing.assert_allclose(score, detector.score(until)[0][first], rtol=1e-4)


def test_what_comes_later_changes_nothing(detector, boxes):
    other = boxes.assign(x1=boxes["x1"].where(boxes["frame"] <= 340, 0), x2=boxes["x2"].where(boxes["frame"] <= 340, 9))
    one, two = (pushed(detector, these, {306, 316, 340}) for these in (boxes, other))
    assert one[306] == two[306]
    assert one[316] == two[316]
    assert one[340] != two[340]  # a second later it is known


def test_the_live_scores_of_a_clip_are_those_of_its_stream_and_not_those_of_the_whole(detector, boxes):
    one = clip("gate", boxes, frames=400)
    live = detector.live(one)
    scores = pushed(detector, boxes, set(range(400)))
    np.testing.assert_array_equal(live[: 400 - LATE], [scores[frame] for frame in range(400 - LATE)])
    assert np.abs(live - detector.score(one)[0]).max() > 0.1
    few = one.only([7, 123, 333])
    np.testing.assert_array_equal(detector.live(few), live[few.frames])


def test_frames_without_anybody_score_zero(detector):
    assert not detector.live(clip("empty", None, frames=40)).any()


def test_forgets_who_is_gone(detector):
    frames, spans = np.arange(1500), []
    many = pd.DataFrame({"frame": frames, "track": frames, "x1": 9.0, "y1": 9.0, "x2": 29.0, "y2": 59.0})
    stream = opened(detector, clip("gate", many, frames=1500))
    for frame in frames.tolist():
        stream.push(Sight([View(frame, np.empty(0), False)]))
        spans.append(len(stream._spans))
    assert max(spans) < 2 * stream.past + LATE + 2 < 1000


def test_a_camera_whose_objects_are_linked_scores_as_the_store_does(tmp_path: Path):
    scene = Scene.learn([squares.clip(tmp_path, f"learn{i}", 1.0 + 0.1 * i) for i in range(3)], 240)
    stored = []
    for name, speed in (("a", 1.0), ("b", 1.2), ("c", 1.4), ("d", 3.0)):
        one = extracted(squares.clip(tmp_path, name, speed, frames=60), scene)
        stored.append(replace(one, tracks=tracking.link(one.objects, one.fps, LINKING), objects=None))
    detector = tracks.Detector(tracks.fit(stored[:3], PARAMS, 0), PARAMS)
    run = stored[3]
    perception = looked_at(run, scene)
    followed.give(perception, followed.Linked(perception, LINKING))

    class Live:
        """What a camera says, as the score."""

        stream = detector.stream

        def score(self, one):
            return streaming.score(detector, one)

    same(Live(), run, perception)
    assert FOUND.detector == "foreground"
