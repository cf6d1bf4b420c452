import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from tests.test_padim import Pyramid, make_clip
from vad.detectors import gradcam
from vad.features.backbones import Backbone


def params(**changes) -> gradcam.Params:
    return gradcam.Params(**{"layers": ["layer1", "layer2"], "reference": "scene", "grid": 8, **changes})


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone(Pyramid(), {"layer1": "first", "layer2": "second"}, (0.5,) * 3, (0.5,) * 3, image_size=64)


def test_ssim_is_scikit_images():
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 28, 28), dtype=np.float32), rng.random((28, 28), dtype=np.float32)
    x[1] = 0.9 * y + 0.05
    x[2], x[3] = y, 0
    mean, full = gradcam.ssim(torch.from_numpy(x), torch.from_numpy(y))
    for index in range(4):
        expected, expected_full = structural_similarity(x[index], y, data_range=1, full=True)
        assert mean[index].item() == pytest.approx(expected, abs=1e-4)
        np.testing.assert_allclose(full[index], expected_full, atol=1e-4)


def test_cam_of_a_linear_head_is_its_class_weights(backbone):
    """Behind a global mean and a linear head, Grad-CAM is CAM: the class's weights times the last features."""
    net = backbone._net
    frames = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    x = backbone.preprocess(frames)
    with torch.no_grad():
        features = net.second(torch.relu(net.first(x)))  # (3, 7, 8, 8)
        best = net.head(features.mean(dim=(2, 3))).argmax(dim=1)
        expected = torch.einsum("bc,bchw->bhw", net.head.weight[best], features).relu()
    expected /= expected.amax(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    torch.testing.assert_close(
        gradcam.cams(frames, params(layers=["layer2"]), backbone), expected, atol=1e-4, rtol=1e-4
    )


def test_maps_do_not_depend_on_the_batch(backbone):
    frames = np.random.default_rng(1).integers(0, 256, (4, 64, 64, 3)).astype(np.uint8)
    together = gradcam.cams(frames, params(), backbone)
    alone = torch.cat([gradcam.cams(frames[i : i + 1], params(), backbone) for i in range(4)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_reference_is_the_mean_map_of_the_scene_or_of_all(tmp_path, backbone):
    clips = [make_clip(tmp_path, name, name, frames, base) for name, frames, base in [("a", 2, 60), ("b", 4, 180)]]
    state = gradcam.fit(clips, params(), 0, backbone)
    own = gradcam.cams(np.stack([clips[1].read(f) for f in range(4)]), params(), backbone).mean(dim=0)
    np.testing.assert_allclose(state["scene/b"], own, atol=1e-5)
    np.testing.assert_allclose(state["global"], (2 * state["scene/a"] + 4 * state["scene/b"]) / 6, atol=1e-5)

    for reference, key in [("scene", "scene/b"), ("global", "global")]:
        scores, maps = gradcam.Detector(state, params(reference=reference), backbone).score(clips[1])
        assert maps.shape == (4, 8, 8)
        cam = gradcam.cams(clips[1].read(2)[None], params(), backbone)[0].numpy()
        assert scores[2] == pytest.approx(1 - structural_similarity(cam, state[key], data_range=1), abs=1e-4)
