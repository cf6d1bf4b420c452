import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from tests.test_padim import Pyramid, make_clip
from vad.detectors import spade
from vad.features.backbones import Backbone


def params(**changes) -> spade.Params:
    values = {
        "pooled_layer": "layer2",
        "layers": ["layer1", "layer2"],
        "grid": 4,
        "neighbours": 3,
        "gallery": 1000,
        "gallery_neighbours": 5,
        "pixel_neighbours": 2,
        "per_scene": True,
        "frame_score": "pooled",
    }
    return spade.Params(**{**values, **changes})


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone(Pyramid(), {"layer1": "first", "layer2": "second"}, (0.5,) * 3, (0.5,) * 3, image_size=64)


def test_nearest_is_the_mean_distance_to_the_k_nearest():
    x, gallery = torch.randn(5, 3), torch.randn(20, 3)
    distances, _ = NearestNeighbors(n_neighbors=4).fit(gallery).kneighbors(x)
    np.testing.assert_allclose(spade.nearest(x, gallery, 4), distances.mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(spade.nearest(x, gallery[:2], 4), torch.cdist(x, gallery[:2]).mean(dim=1), rtol=1e-4)


def test_scores_and_maps_equal_a_direct_search(tmp_path, backbone):
    train = make_clip(tmp_path, "train", "01", 12, base=100)
    test = make_clip(tmp_path, "test", "01", 3, base=101, odd=1)
    detector = spade.Detector(spade.fit([train], params(), 0, backbone), params(), backbone)
    scores, maps = detector.score(test)

    pooled, pyramid = spade.embed(np.stack([train.read(f) for f in range(12)]), params(), backbone)
    for frame in range(3):
        deep, positions = spade.embed(test.read(frame)[None], params(), backbone)
        order = (pooled - deep).norm(dim=1).sort()
        assert scores[frame] == pytest.approx(order.values[:3].mean().item(), rel=1e-2)
        gallery = pyramid[order.indices[:5]].reshape(-1, pyramid.shape[2])
        expected = torch.cdist(positions[0], gallery).sort(dim=1).values[:, :2].mean(dim=1)
        np.testing.assert_allclose(maps[frame].reshape(-1), expected, rtol=2e-2, atol=2e-2)
    assert scores.argmax() == 1
    assert maps.reshape(3, -1).argmax() == 16 + 15  # the white square is in the last cell of frame 1


@pytest.mark.parametrize("how", ["map_max", "map_mean"])
def test_frame_score_from_the_map(tmp_path, backbone, how):
    train = make_clip(tmp_path, "train", "01", 12, base=100)
    settings = params(frame_score=how)
    scores, maps = spade.Detector(spade.fit([train], settings, 0, backbone), settings, backbone).score(train)
    expected = maps.max(axis=(1, 2)) if how == "map_max" else maps.mean(axis=(1, 2))
    np.testing.assert_allclose(scores, expected, rtol=1e-2)


def test_a_scene_is_compared_with_its_own_frames_and_a_new_one_with_all(tmp_path, backbone):
    dark, light = (make_clip(tmp_path, name, name, 8, base) for name, base in [("dark", 60), ("light", 180)])
    state = spade.fit([light, dark], params(gallery=6), 0, backbone)
    assert len(state["gallery"]) == 6
    assert state["gallery"].dtype == np.float16
    foreign = make_clip(tmp_path, "x", "light", 2, base=61)
    fresh = make_clip(tmp_path, "y", "elsewhere", 2, base=61)
    detector = spade.Detector(state, params(gallery=6), backbone)
    assert detector.score(foreign)[0].min() > 3 * detector.score(fresh)[0].max()
