"""Every detector says the same of a stored clip and of its frames one by one, and shares what is costly."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import moving_squares as squares
from vad.data.frames import Clip
from vad.detectors import motion, streaming
from vad.perception import flow
from vad.perception.feeding import camera_of, sights
from vad.perception.sight import Perception, Sight, View

MOTION = motion.Params(height=240, window=0.5, max_fit_frames=200, shrinkage=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def walk(folder: Path) -> Clip:
    return squares.clip(folder, "walk", 1.2)


@pytest.fixture(scope="module")
def fast_walker(folder: Path) -> motion.Detector:
    return motion.Detector(motion.fit([squares.clip(folder, "t", 1.0)], MOTION, seed=0), MOTION)


def live(detector: streaming.Streaming, clip: Clip) -> list[tuple[int, streaming.Judged]]:
    """Each frame as it was judged, with the number of the frame that had just been pushed."""
    stream = detector.stream(Perception(camera_of(clip)))
    judged = []
    for frame in clip.stored:
        judged += [(int(frame), one) for one in stream.push(Sight([View(int(frame), clip.read(frame))]))]
    return judged + [(int(clip.stored[-1]), one) for one in stream.push(Sight([], last=True))]


def same(detector: streaming.Streaming, clip: Clip, tolerance: float = 0.0) -> None:
    """The clip's scores and maps, offline and streamed, within ``tolerance`` of each other; latency as stated."""
    scores, maps = detector.score(clip)
    streamed = live(detector, clip)
    assert [one.frame for _, one in streamed] == list(clip.frames)
    np.testing.assert_allclose([one.score for _, one in streamed], scores, rtol=tolerance, atol=tolerance)
    if maps is not None:
        np.testing.assert_allclose(np.stack([one.map for _, one in streamed]), maps, rtol=max(tolerance, 1e-3) * 10)
    latency = detector.stream(Perception(camera_of(clip))).latency
    assert max(now - one.frame for now, one in streamed) == latency


def test_motion(fast_walker: motion.Detector, walk: Clip) -> None:
    same(fast_walker, walk)


def test_chosen_frames_score_as_among_all(fast_walker: motion.Detector, walk: Clip) -> None:
    every, _ = fast_walker.score(walk)
    chosen = [0, 3, 20, 39]
    few, _ = fast_walker.score(walk.only(chosen))
    np.testing.assert_array_equal(few, every[chosen])


def test_flow_over_a_dropped_frame_is_the_speed_not_the_distance(folder: Path) -> None:
    clip = squares.clip(folder, "steady", 2.0)
    _, one, two = flow.PairFlow(240)(Sight([View(frame, clip.read(frame)) for frame in (10, 11, 13)]))
    y, x = (50 + squares.TALL // 2) // flow.CELL, (squares.left(11, 2.0) + squares.WIDE // 2) // flow.CELL
    assert (one[y, x, 0], two[y, x, 0]) == pytest.approx((2.0, 2.0), abs=0.4)


def test_two_streams_on_a_camera_decode_shrink_and_compute_flow_once(
    fast_walker: motion.Detector, walk: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, int] = {"read": 0, "flow": 0, "gray": 0}

    def counted(name: str, call):
        def wrapper(*args):
            calls[name] += 1
            return call(*args)

        return wrapper

    monkeypatch.setattr(Clip, "read", counted("read", Clip.read))
    monkeypatch.setattr(flow, "_pair_flow", counted("flow", flow._pair_flow))
    monkeypatch.setattr(cv2, "cvtColor", counted("gray", cv2.cvtColor))
    perception = Perception(camera_of(walk))
    streams = [fast_walker.stream(perception) for _ in range(2)]
    for sight in sights(walk):
        for stream in streams:
            stream.push(sight)
    assert calls["read"] == 40
    assert calls["flow"] == 40
    assert calls["gray"] == 80  # one from BGR to RGB after decoding, one to gray


def test_memory_of_a_stream_is_bounded(fast_walker: motion.Detector, walk: Clip) -> None:
    stream = fast_walker.stream(Perception(camera_of(walk)))
    image, sizes = walk.read(0), []
    for frame in range(60):
        stream.push(Sight([View(frame, image)]))
        sizes.append((len(stream._flow._flows), len(stream._flow._waiting)))
    assert len(set(sizes[20:])) == 1
