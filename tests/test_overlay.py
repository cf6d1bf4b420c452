import numpy as np

from vad.visualization.overlay import blend, span


def test_low_values_show_the_image_and_high_ones_the_colour() -> None:
    image = np.full((4, 8, 3), 100, np.uint8)
    score_map = np.array([[0.0, 1.0]])
    out = blend(image, score_map, (0, 1), opacity=1)
    assert out.shape == image.shape
    assert (out[:, 0] == 100).all(), "at the lowest value nothing is laid over"
    assert (out[:, -1] != 100).any()
    assert (blend(image, score_map, (0, 1), opacity=0) == image).all()


def test_nan_counts_as_lowest() -> None:
    image = np.full((2, 2, 3), 7, np.uint8)
    assert (blend(image, np.full((2, 2), np.nan), (0, 1), 1) == image).all()


def test_span_of_constant_maps_has_width() -> None:
    assert span([np.full((3, 4, 4), 2.0)]) == (2.0, 3.0)
    low, high = span([np.linspace(0, 1, 4000).reshape(10, 20, 20)])
    assert 0.4 < low < 0.6
    assert high > 0.98
