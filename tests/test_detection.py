import cv2
import numpy as np
import pandas as pd
import pytest

from tests import moving_squares as squares
from vad.perception import detection
from vad.perception.camera import Camera
from vad.perception.foreground import ObjectSize
from vad.perception.scene import Scene
from vad.perception.sight import Perception, View
from vad.pipeline.errors import UserError

PARAMS = detection.Params(detector="foreground", height=240, window=0.5, max_fit_frames=200)


def test_the_square_is_found_with_its_speed(tmp_path):
    clip = squares.clip(tmp_path, "a", speed=2.0)
    table = detection.detect(clip, Scene.learn([clip], 240), PARAMS)
    assert list(table.columns) == detection.COLUMNS
    (found,) = table[table["frame"] == 15].itertuples()
    x = squares.left(15, 2.0)
    np.testing.assert_allclose([found.x1, found.y1, found.x2, found.y2], [x, 50, x + 16, 82], atol=3)
    assert found.speed == pytest.approx(2.0 * squares.FPS / squares.TALL, rel=0.5)  # the window blurs it
    assert found.vx > abs(found.vy)
    assert found.height == pytest.approx(1.0, abs=0.2)


def test_a_blob_of_two_is_cut_in_two():
    labels = np.zeros((100, 100), int)
    labels[40:60, 20:40] = 1  # two objects of 10 x 20 side by side
    size = ObjectSize(np.array([0.2, 0.0, 0.1, 0.0, 0.5]))
    boxes = list(detection._cut(np.array([20, 40, 40, 60, 400]), labels, 1, size))
    np.testing.assert_allclose(boxes, [[0.2, 0.4, 0.3, 0.6, 0.04], [0.3, 0.4, 0.4, 0.6, 0.04]])


def test_frame_scores_are_maxima_and_zero_without_objects(tmp_path):
    clip = squares.clip(tmp_path, "a", 1.0, frames=3)
    boxes = pd.DataFrame({"frame": [1, 1], "x1": [0.0, 8], "y1": [0.0, 0], "x2": [16.0, 24], "y2": [8.0, 8]})
    frames, maps = detection.frame_scores(clip.size, clip.frames, boxes, np.array([2.0, 5.0]))
    assert frames.tolist() == [0, 5, 0]
    assert maps.shape == (3, 30, 40)
    assert maps[1, 0, :7].tolist() == [2, 2, 5, 5, 5, 5, 0]


def test_objects_that_were_not_extracted_are_named(tmp_path):
    with pytest.raises(UserError, match="extract_objects"):
        detection.with_objects([squares.clip(tmp_path, "a", 1.0, frames=2)], tmp_path / "objects")


def test_cut_out_stays_in_the_image():
    image = np.arange(100).reshape(10, 10)
    assert detection.cut_out(image, np.array([2, 2, 4, 4]), 0).tolist() == [[22, 23], [32, 33]]
    assert detection.cut_out(image, np.array([-5, 8, 2, 20]), 0.1).shape == (4, 3)
    assert detection.cut_out(image, np.array([20, 20, 30, 30]), 0).size == 1


def test_a_camera_of_another_size_finds_what_the_scene_does(tmp_path):
    clip = squares.clip(tmp_path, "a", 1.0)
    scene = Scene.learn([clip], 240)
    larger = Camera("a", "01", clip.fps, (330, 240))  # a little wider in shape, too
    params = detection.Params(detector="foreground", height=240, window=0.5, max_fit_frames=500)
    own, other = (View(5, image) for image in (clip.read(5), cv2.resize(clip.read(5), larger.size)))
    (box,), (area,) = detection.find(own, scene, params)
    (wide,), (wide_area,) = detection.find(other, scene, params)
    stretch = (330 / 240) / (160 / 120)
    np.testing.assert_allclose(wide, box * [stretch, 1, stretch, 1], atol=0.05)
    assert wide_area == pytest.approx(area * stretch, rel=0.25)
    with pytest.raises(UserError, match="320x120 is not shaped like those from which scene '01' was learnt"):
        detection.Finder(Perception(Camera("a", "01", 10.0, (320, 120))), scene, params)
