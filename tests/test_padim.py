import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis

from vad.data.frames import Clip, ClipWriter
from vad.detectors import padim
from vad.features.backbones import Backbone
from vad.pipeline.errors import CannotFit


def params(**changes) -> padim.Params:
    values = {
        "layers": ["layer1", "layer2"],
        "n_features": 300,
        "reduction": "projection",
        "grid": 4,
        "epsilon": 0.01,
        "per_scene": True,
        "sigma": 0.0,
        "aggregate": "max",
        "top_fraction": 0.1,
    }
    return padim.Params(**{**values, **changes})


class Pyramid(torch.nn.Module):
    """A network of two strided layers with fixed random weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(3, 5, 4, stride=4)
        self.second = torch.nn.Conv2d(5, 7, 2, stride=2)
        self.head = torch.nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(torch.relu(self.first(x))).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone(Pyramid(), {"layer1": "first", "layer2": "second"}, (0.5,) * 3, (0.5,) * 3, image_size=64)


def make_clip(folder, name: str, scene: str, frames: int, base: int, odd: int | None = None) -> Clip:
    """Frames of noise around gray ``base``; frame ``odd`` has a white square in its lower right corner."""
    rng = np.random.default_rng(base)
    with ClipWriter(folder / f"{name}.zip", quality=100) as writer:
        for frame in range(frames):
            image = rng.integers(base - 20, base + 20, (64, 64, 3)).astype(np.uint8)
            if frame == odd:
                image[48:, 48:] = 255
            writer.add(frame, image)
    numbers = np.arange(frames)
    return Clip(name, scene, "train", 25.0, numbers, np.zeros(frames), numbers, folder / f"{name}.zip")


def test_streamed_moments_equal_the_batch_ones_far_from_zero():
    x = torch.randn(3, 200, 4, generator=torch.Generator().manual_seed(0)) + 1000
    moments = padim.Moments(3, 4)
    other = padim.Moments(3, 4)
    for part in x[:, :120].split([1, 7, 64, 48], dim=1):
        moments.add(part)
    for part in x[:, 120:].split(30, dim=1):
        other.add(part)
    moments.merge(other)
    assert moments.count == 200
    np.testing.assert_allclose(moments.mean, x.double().mean(dim=1), rtol=1e-6)
    for position in range(3):
        expected = np.cov(x[position].double().numpy(), rowvar=False)
        np.testing.assert_allclose(moments.scatter[position] / 199, expected, atol=2e-3)


def test_whitened_distance_is_scipys_mahalanobis_distance():
    x = torch.randn(2, 50, 6, generator=torch.Generator().manual_seed(1)) @ torch.randn(6, 6)
    moments = padim.Moments(2, 6)
    moments.add(x)
    whitening = padim.unpack(moments.whitening(epsilon=0.01), 6)
    distances = padim.mahalanobis(x[:, :5], moments.mean, whitening)
    assert distances.shape == (5, 2)
    for position in range(2):
        samples = x[position].double().numpy()
        inverse = np.linalg.inv(np.cov(samples, rowvar=False) + 0.01 * np.eye(6))
        for sample in range(5):
            expected = mahalanobis(samples[sample], samples.mean(axis=0), inverse)
            assert distances[sample, position].item() == pytest.approx(expected, rel=1e-3)


def test_reduction_is_orthonormal_or_a_selection_and_capped():
    projection = padim.reduction(12, params(n_features=5), seed=3)
    torch.testing.assert_close(projection.T @ projection, torch.eye(5), atol=1e-5, rtol=0)
    channels = padim.reduction(12, params(n_features=5, reduction="selection"), seed=3)
    assert len(channels.unique()) == 5
    assert padim.reduction(12, params(n_features=12), seed=3) is None


@pytest.mark.parametrize(("how", "expected"), [("max", 8.0), ("mean", 2.75), ("top_k", 6.0)])
def test_aggregate(how, expected):
    maps = np.array([[[0, 1], [2, 8]], [[8, 4], [4, 8]]], dtype=np.float32)[:1]
    if how == "top_k":
        maps = np.array([[[0, 4], [2, 8]]], dtype=np.float32)
    assert padim.aggregate(maps, how, top_fraction=0.5).tolist() == [expected]


@pytest.mark.parametrize("changes", [{}, {"n_features": 4}, {"n_features": 4, "reduction": "selection"}])
def test_the_odd_square_is_found_where_it_is(tmp_path, backbone, changes):
    settings = params(**changes)
    state = padim.fit([make_clip(tmp_path, "train", "01", 40, base=100)], settings, 0, backbone)
    scores, maps = padim.Detector(state, settings, backbone).score(make_clip(tmp_path, "test", "01", 6, 101, odd=4))
    assert scores.argmax() == 4
    assert np.unravel_index(maps[4].argmax(), (4, 4)) == (3, 3)
    np.testing.assert_allclose(scores, maps.max(axis=(1, 2)), rtol=1e-3)


def test_each_scene_has_its_own_gaussian_and_a_new_scene_the_pooled_one(tmp_path, backbone):
    dark, light = (make_clip(tmp_path, name, name, 30, base) for name, base in [("dark", 60), ("light", 180)])
    both = padim.fit([dark, light], params(), 0, backbone)
    alone = padim.fit([light], params(), 0, backbone)
    assert "pooled/mean" not in alone
    np.testing.assert_array_equal(both["scene/light/mean"], alone["scene/light/mean"])
    pooled = padim.fit([dark, light], params(per_scene=False), 0, backbone)
    np.testing.assert_allclose(both["pooled/mean"], pooled["pooled/mean"], atol=1e-4)
    np.testing.assert_allclose(both["pooled/whitening"], pooled["pooled/whitening"], atol=2e-2)
    fresh = make_clip(tmp_path, "new", "elsewhere", 3, base=120)
    ours, _ = padim.Detector(both, params(), backbone).score(fresh)
    theirs, _ = padim.Detector(pooled, params(per_scene=False), backbone).score(fresh)
    np.testing.assert_allclose(ours, theirs, rtol=1e-2)


def test_nothing_to_fit_on_is_one_line(backbone):
    with pytest.raises(CannotFit, match="two normal frames, there are 0"):
        padim.fit([], params(), 0, backbone)


def test_selected_channels_are_those_of_all_resampled(backbone):
    wanted = params(reduction="selection", n_features=20, grid=14)
    layers = [torch.randn(2, channels, side, side) for channels, side in ((16, 28), (24, 14), (40, 7))]
    chosen = padim.reduction(80, wanted, 0)
    everything = padim.Embedding(wanted, backbone, None).of(layers)
    torch.testing.assert_close(padim.Embedding(wanted, backbone, chosen).of(layers), everything[..., chosen])
