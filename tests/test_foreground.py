import numpy as np
import pytest

from tests import moving_squares as squares
from vad.perception import foreground
from vad.perception.scene import Scene


def test_background_is_the_ground_and_the_mask_is_the_square(tmp_path):
    clip = squares.clip(tmp_path, "a", speed=3.0)
    scene = foreground.background([clip], 240)
    assert np.abs(scene.image[..., 0] - squares.ground()).mean() < 3
    assert not scene.coloured
    boxes, labels = foreground.blobs(foreground.mask(foreground.read(clip, 12, 240), scene))
    x = squares.left(12, 3.0)
    assert len(boxes) == 1
    np.testing.assert_allclose(boxes[0, :4], [x, 50, x + squares.WIDE, 50 + squares.TALL], atol=2)
    assert (labels > 0).sum() == boxes[0, 4]


def test_a_change_of_light_is_no_object():
    ground = np.full((120, 160, 3), 100, np.float32)
    scene = foreground.Background(ground, np.full((120, 160), 3.0, np.float32), coloured=False)
    assert foreground.mask(ground + 40, scene).sum() == 0


def test_a_shadow_is_no_object_where_there_is_colour():
    ground = np.full((120, 160, 3), (150, 120, 90), np.float32)
    image = ground.copy()
    image[20:60, 20:40] *= 0.6  # a shadow: all colours alike
    image[20:60, 80:100] = (40, 60, 160)  # an object
    for coloured, expected in ((True, 1), (False, 2)):
        scene = foreground.Background(ground, np.full((120, 160), 3.0, np.float32), coloured)
        assert len(foreground.blobs(foreground.mask(image, scene))[0]) == expected


def test_object_size_is_the_squares(tmp_path):
    clip = squares.clip(tmp_path, "a", speed=3.0)
    size = foreground.object_size([clip], foreground.background([clip], 240), 240)
    height, width = size.at(np.array([0.55]))
    assert height[0] == pytest.approx(squares.TALL / squares.HEIGHT, abs=0.03)
    assert width[0] == pytest.approx(squares.WIDE / squares.HEIGHT, abs=0.03)


def test_frames_whose_height_is_no_multiple_of_a_cell_are_read_at_the_backgrounds_size(tmp_path, monkeypatch):
    monkeypatch.setattr(squares, "HEIGHT", 90)
    clip = squares.clip(tmp_path, "a", speed=3.0)
    scene = Scene.learn([clip], 240)
    assert scene.background.image.shape == (88, 160, 3)
    height, width = scene.size.at(np.array([66 / 90]))
    assert height[0] == pytest.approx(squares.TALL / 90, abs=4 / 90)
    assert width[0] == pytest.approx(squares.WIDE / 90, abs=4 / 90)
    assert scene.passing == pytest.approx(squares.WIDE / 3.0 / squares.FPS, rel=0.4)


def test_line_through_exact_points_and_through_scatter():
    x, count = np.array([0.0, 1.0, 2.0, 3.0]), np.ones(4)
    assert foreground._line(x, 1 + 2 * x, count) == pytest.approx((1.0, 2.0))
    assert abs(foreground._line(x, np.array([0.0, 5.0, -5.0, 0.0]), count)[1]) < 0.5


def test_mode_withstands_outliers():
    assert foreground._mode(np.array([5.0, 5.1, 5.2, 1.0, 20.0, 30.0, 50.0])) == pytest.approx(
        5.05
    )  # 5 and 5.1 are the densest half


def test_weighted_median():
    assert foreground.weighted_median(np.array([3.0, 1.0, 2.0]), np.array([5.0, 1.0, 1.0])) == 3.0
