from dataclasses import replace

import numpy as np
import pytest
import torch

from tests import moving_squares as squares
from vad.detectors import objects
from vad.perception import detection
from vad.perception.feeding import camera_of
from vad.perception.scene import Scene
from vad.pipeline.errors import CannotFit

FOUND = detection.Params(detector="foreground", height=240, window=0.5, max_fit_frames=500)


class Colours:
    """A backbone whose feature is the mean colour of the crop."""

    image_size = 0

    def preprocess(self, frames):
        return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255

    def features(self, x, layers):
        return [x]


def params(*attributes):
    return objects.Params(attributes=list(attributes), components=2, crop=32, layer="layer3", max_objects=400)


def extracted(clip, scene):
    return replace(clip, objects=detection.detect(clip, scene, FOUND))


@pytest.fixture
def scene_and_clips(tmp_path):
    clips = [squares.clip(tmp_path, f"t{i}", 1.0 + 0.1 * i) for i in range(4)]
    scene = Scene.learn(clips, 240)
    return scene, [extracted(clip, scene) for clip in clips]


def test_a_fast_object_scores_above_the_training_speed(tmp_path, scene_and_clips):
    scene, clips = scene_and_clips
    settings = params("speed", "appearance")
    detector = objects.Detector(objects.fit(clips, settings, 0, Colours()), settings, Colours())
    walk, _ = detector.score(extracted(squares.clip(tmp_path, "walk", 1.1), scene))
    run, maps = detector.score(extracted(squares.clip(tmp_path, "run", 4.0, frames=25), scene))
    assert np.median(run[3:22]) > walk[3:37].max()
    np.testing.assert_allclose(maps.reshape(25, -1).max(axis=1), run, rtol=1e-2)


def test_surprises_of_the_attributes_add_up(scene_and_clips):
    _, clips = scene_and_clips
    settings = params("speed", "shape", "place", "appearance")
    detector = objects.Detector(objects.fit(clips, settings, 0, Colours()), settings, Colours())
    table = detection.objects_of(clips[0])
    each = detector.surprises(camera_of(clips[0]), table, clips[0].read)
    assert set(each) == {"speed", "shape", "place", "appearance"}
    expected = sum(each.values())[(table["frame"] == 10).to_numpy()].max()
    assert detector.score(clips[0])[0][10] == pytest.approx(expected, rel=1e-5)


def test_without_training_objects_it_cannot_be_fitted():
    with pytest.raises(CannotFit, match="nothing moves in the training frames"):
        objects.fit([], params("speed"), 0, Colours())


def test_nearest_is_the_mean_distance_to_the_nearest_three():
    reference = np.array([[0.0, 1], [0, 2], [0, 3], [0, 100]])
    assert objects._nearest(np.array([[0.0, 0]]), objects.Reference.of(reference)) == pytest.approx([2.0])


def test_distances_to_what_is_nearly_the_same_are_exact():
    """Of unit vectors in float32, the sum of squares leaves 1e-7: a root of 3e-4 where there is 1e-6."""
    rng = np.random.default_rng(0)
    known = rng.normal(size=(200, 64)).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    seen = known.copy()
    seen[:, 0] += np.float32(1e-6)
    reference = objects.Reference.of(known)
    exact = np.sort(np.linalg.norm(seen.astype(np.float64)[:, None] - known.astype(np.float64), axis=2), axis=1)
    np.testing.assert_allclose(objects._nearest(seen, reference), exact[:, : objects.NEIGHBOURS].mean(1), rtol=1e-6)
    np.testing.assert_allclose(objects._nearest(seen[:1], reference), objects._nearest(seen, reference)[:1], rtol=1e-6)
