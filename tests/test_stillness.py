from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import moving_squares as squares
from vad.data.frames import Clip, ClipWriter
from vad.detectors import stillness
from vad.perception.camera import Camera
from vad.perception.foreground import Background, ObjectSize
from vad.perception.resting import COLUMNS, Resting
from vad.perception.sight import Perception, Sight, View
from vad.pipeline.errors import UserError

PARAMS = stillness.Params(height=120, place=1.0, shape=0.35, anywhere_seconds=0.0, max_fit_frames=1000, max_things=1000)
SIDE, SECONDS = 12, COLUMNS.index("seconds")


def with_things(folder: Path, name: str, things: list[tuple[int, int, int]], split: str = "train") -> Clip:
    """A clip of 60 frames: a square crosses, and from frame ``first`` on a bright thing lies at (x, y)."""
    walk = squares.clip(folder, f"{name}-walk", 3.0, frames=60)
    path = folder / "frames" / f"{name}.zip"
    with ClipWriter(path, 95) as writer:
        for frame in walk.frames:
            image = walk.read_gray(frame)
            for first, x, y in things:
                if frame >= first:
                    image[y : y + SIDE, x : x + SIDE] = 230
            writer.add(frame, image)
    return Clip(name, "01", split, squares.FPS, walk.frames, walk.labels, walk.stored, path=path, size=walk.size)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> tuple[Path, stillness.Detector]:
    folder = tmp_path_factory.mktemp("still")
    usual = [with_things(folder, f"t{i}", [(25 + 8 * i, 20, 95)]) for i in range(4)]  # always at one place: a bench
    return folder, stillness.Detector(stillness.fit(usual, PARAMS, 0), PARAMS)


def test_a_thing_where_none_rests_scores_one_at_its_usual_place_does_not(fitted):
    folder, detector = fitted
    usual, _ = detector.score(with_things(folder, "usual", [(20, 20, 95)], "test"))
    odd, odd_maps = detector.score(with_things(folder, "odd", [(20, 110, 95)], "test"))
    assert odd[5:20].max() < odd[30:].min() - 2  # settled within a second
    assert (usual[30:50] < odd[30:50] - 1).all()
    assert odd_maps.shape == (60, 30, 40)
    row, column = np.unravel_index(odd_maps[40].argmax(), odd_maps.shape[1:])
    assert 95 <= row * 4 <= 95 + SIDE
    assert 110 - 4 <= column * 4 <= 110 + SIDE


def test_where_little_video_was_seen_the_form_says_more_than_the_place(fitted):
    """With a prior of an hour beside half a minute, a thing like the known ones is usual anywhere, another is not."""
    folder, detector = fitted
    clip = with_things(folder, "elsewhere", [(20, 110, 95)], "test")
    cautious = stillness.Detector(detector._state, PARAMS.model_copy(update={"anywhere_seconds": 3600.0}))
    strict, lenient = (one.score(clip)[0][30:45] for one in (detector, cautious))
    assert (lenient < strict - 1).all()
    things = detector._state["things/01"]
    known = things[things[:, 5] > 2][0]  # it lay there for seconds: no rim of who passes
    box = [0.9, 0.8, 1.0, 0.9]
    alike, larger = (np.array([[*box, *np.exp(known[2:5] + more), 0.5]]) for more in (0.0, 1.5))
    assert cautious.rarity("01", larger) > cautious.rarity("01", alike) + 1
    # the mean number of such things per second of video, wherever it was: a camera's own share has no say at all
    seconds = detector._state["watched/01"]
    shapes = detector._state["shapes"]
    kernel = 1 / (1 + (((shapes[:, :3] - known[2:5]) / PARAMS.shape) ** 2).sum(axis=1))
    often = (kernel * shapes[:, 4] * (shapes[:, 3] >= 0.5)).sum() / (seconds - 0.5).sum()
    endless = stillness.Detector(detector._state, PARAMS.model_copy(update={"anywhere_seconds": 1e12}))
    frames = (seconds - 0.5).sum() * float(detector._state["rate/01"])
    assert endless.rarity("01", alike).item() == pytest.approx(-np.log(often + stillness.UNSEEN / frames), abs=1e-6)


def test_a_camera_of_another_size_is_brought_to_its_scenes(fitted):
    folder, detector = fitted
    clip = with_things(folder, "wide", [(20, 110, 95)], "test")
    scores, maps = detector.score(clip)
    width, height = clip.size
    for size in ((width + 8, height), (2 * width, 2 * height)):
        stream = detector.stream(Perception(Camera("c", "01", squares.FPS, size)))
        for frame in clip.frames:
            (one,) = stream.push(Sight([View(int(frame), cv2.resize(clip.read(frame), size))]))
        assert one.score == pytest.approx(scores[-1], rel=0.15)
        assert one.map.shape[1] / one.map.shape[0] == pytest.approx(size[0] / size[1], rel=0.05)
        row, column = np.unravel_index(one.map.argmax(), one.map.shape)
        before = np.unravel_index(maps[-1].argmax(), maps[-1].shape)
        assert row / one.map.shape[0] == pytest.approx(before[0] / maps.shape[1], abs=0.05)
        assert column / one.map.shape[1] == pytest.approx(before[1] / maps.shape[2], abs=0.05)
    with pytest.raises(UserError, match=r"c: a picture of 120x120 is not shaped like those from which scene '01'"):
        detector.stream(Perception(Camera("c", "01", squares.FPS, (120, 120))))


def test_streamed_frame_by_frame_scores_the_same_without_latency(fitted):
    folder, detector = fitted
    clip = with_things(folder, "stream", [(20, 110, 95)], "test")
    stream = detector.stream(Perception(Camera("c", "01", squares.FPS, clip.size)))
    pushed = [stream.push(Sight([View(int(f), clip.read(f))])) for f in clip.frames]
    assert all(len(one) == 1 for one in pushed)
    np.testing.assert_array_equal([one[0].score for one in pushed], detector.score(clip)[0])


def test_a_camera_that_was_not_fitted_scores_nothing(fitted):
    folder, detector = fitted
    clip = with_things(folder, "other", [(20, 110, 95)], "test")
    other = Clip("other", "99", "test", clip.fps, clip.frames, clip.labels, clip.stored, path=clip.path, size=clip.size)
    scores, maps = detector.score(other)
    assert not scores.any()
    assert not maps.any()


def test_rest_goes_on_behind_whoever_passes_and_ends_when_the_thing_is_gone():
    empty = Background(np.full((60, 80, 3), 100, np.float32), np.full((60, 80), 3, np.float32), False)
    resting = Resting(empty, ObjectSize(np.array([0.3, 0, 0.15, 0, 0.5])), fps=10)
    bag, passing = empty.image.copy(), empty.image.copy()
    cv2.rectangle(bag, (30, 30), (39, 39), (200, 200, 200), -1)
    cv2.rectangle(passing, (25, 10), (45, 50), (20, 20, 20), -1)
    for _ in range(5):
        resting.push(empty.image)
    found = [resting.push(bag) for _ in range(30)]
    assert (found[0][:, COLUMNS.index("width")] < 0.2).all()  # it just came
    before = found[-1][:, SECONDS].item()
    assert before == pytest.approx(2.8, abs=0.2)
    for _ in range(2):
        assert (resting.push(passing)[:, COLUMNS.index("width")] < 0.2).all()  # but for a rim
    after = [resting.push(bag)[:, SECONDS] for _ in range(6)][-1].item()
    assert after == pytest.approx(before, abs=0.6)
    for _ in range(5):
        gone = resting.push(empty.image)
    assert not len(gone)
    assert not resting._rested.any()


def test_the_long_background_follows_the_light_but_learns_nothing_that_rests():
    empty = Background(np.full((60, 80, 3), 100, np.float32), np.full((60, 80), 3, np.float32), False)
    resting = Resting(empty, ObjectSize(np.array([0.3, 0, 0.15, 0, 0.5])), fps=2)
    for step in range(600):  # the left half brightens slowly, by 30 levels in five minutes: far beyond the noise
        image = empty.image.copy()
        image[:, :40] += step / 20
        image[20:30, 50:60] = 200 if step > 5 else 100
        found = resting.push(image)
    assert len(found) == 1
    assert found[0, SECONDS] > 250


def test_what_was_there_from_the_first_frame_on_has_not_come_to_rest():
    empty = Background(np.full((60, 80, 3), 100, np.float32), np.full((60, 80), 3, np.float32), False)
    resting = Resting(empty, ObjectSize(np.array([0.3, 0, 0.15, 0, 0.5])), fps=10)
    image = empty.image.copy()
    image[20:30, 50:60] = 200
    for _ in range(20):
        assert not len(resting.push(image))
    image[20:30, 10:20] = 200
    found = [resting.push(image) for _ in range(20)][-1]
    assert len(found) == 1
    assert found[0, 0] * 60 == pytest.approx(10, abs=3)
    image[20:30, 60:72] = 200  # what was there more than doubles: still no new thing
    assert len([resting.push(image) for _ in range(20)][-1]) == 1
