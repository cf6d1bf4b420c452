import numpy as np
import pandas as pd
import pytest

from tests.test_tracks import PARAMS, clip, normal_clips, walk
from vad.detectors import tracks
from vad.detectors.tracks_live import Live
from vad.perception.camera import Camera

CAMERA = Camera("gate", "01", 24.0, (856, 480))


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


def pushed(detector: tracks.Detector, boxes: pd.DataFrame, latency: float, wanted: set[int]) -> dict[int, float]:
    live, scores = Live(detector, CAMERA, latency), {}
    for frame in range(400):
        now = boxes[boxes["frame"] == frame][["track", "x1", "y1", "x2", "y2"]].to_numpy()
        if (score := live.push(frame, now, frame in wanted)) is not None:
            scores[score[0]] = score[1]
    assert len(live._seen) <= live.past + live.latency + 1
    return scores


@pytest.mark.parametrize("latency", [0.0, 1.0])
def test_a_frame_scores_as_in_a_clip_that_ends_there(detector, boxes, latency):
    wanted = {5, 30, 250, 310, 325, 350, 399}
    scores = pushed(detector, boxes, latency, wanted)
    late = round(latency * 24)
    assert set(scores) == {frame - late for frame in wanted if frame >= late}
    for due, score in scores.items():
        until = clip("until", boxes[boxes["frame"] <= due + late], frames=due + 1)
        np.testing.assert_allclose(score, detector.score(until)[0][due], rtol=1e-4)


def test_what_comes_later_changes_nothing(detector, boxes):
    other = boxes.assign(x1=boxes["x1"].where(boxes["frame"] <= 340, 0), x2=boxes["x2"].where(boxes["frame"] <= 340, 9))
    wanted = {330, 340, 364}
    one, two = (pushed(detector, these, 1.0, wanted) for these in (boxes, other))
    assert one[306] == two[306]
    assert one[316] == two[316]
    assert one[340] != two[340]  # a second later it is known


def test_frames_without_anybody_score_zero(detector):
    live = Live(detector, CAMERA, 0.0)
    assert [live.push(frame, np.empty((0, 5))) for frame in range(3)] == [(0, 0.0), (1, 0.0), (2, 0.0)]
