import numpy as np
import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from vad.features import backbones, folding


def fused(net: nn.Sequential) -> nn.Module:
    graph = create_feature_extractor(net, {"1": "out"}, tracer_kwargs={"leaf_modules": [Conv2dSame]})
    folding.fuse_activations(graph)
    assert any(isinstance(module, folding.OneDnnConv) for module in graph.modules())
    assert not any(node.target == "1" for node in graph.graph.nodes)
    return graph


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.ReLU6()])
@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 8, 3, stride=2, padding=1),
        nn.Conv2d(4, 8, (1, 3), padding=(0, 1), bias=False),
        Conv2dSame(4, 8, 3, stride=2, bias=True),
        Conv2dSame(4, 4, 5, stride=2, groups=4, bias=True),
        Conv2dSame(4, 8, (3, 5), stride=2, bias=False),
    ],
)
@pytest.mark.parametrize("size", [(12, 12), (13, 13), (14, 9)])  # "same" padding is uneven on the even sides
def test_fused_convolution_equals_the_plain_one_and_its_gradient(conv, activation, size):
    torch.manual_seed(0)
    net = nn.Sequential(conv, activation).requires_grad_(False)
    x, y = (torch.randn(2, 4, *size).mul(4).requires_grad_() for _ in range(2))
    y.data = x.data.clone()
    expected = net(x)
    found = fused(net)(y)["out"]
    torch.testing.assert_close(found, expected)
    assert 0 < (expected == expected.min()).float().mean() < 1  # some are cut off, some are not
    for out in (expected, found):
        out.square().sum().backward()
    torch.testing.assert_close(y.grad, x.grad)


def test_a_convolution_whose_output_is_used_twice_keeps_its_activation_apart():
    class Forked(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.act = nn.Conv2d(1, 2, 3), nn.ReLU()

        def forward(self, x):
            x = self.conv(x)
            return self.act(x) + x

    torch.manual_seed(0)
    net = Forked().requires_grad_(False)
    graph = create_feature_extractor(net, {"add": "out"})
    folding.fuse_activations(graph)
    x = torch.randn(1, 1, 6, 6)
    torch.testing.assert_close(graph(x)["out"], net(x))


def test_without_the_private_call_features_stay_the_same(monkeypatch):
    backbone = backbones.load(backbones.Params(name="efficientnet_lite0", weights=None, image_size=64), device="cpu")
    frames = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    x = backbone.preprocess(frames)
    assert folding.usable()
    (fused,) = backbone.features(x, ["layer3"])
    monkeypatch.setenv("VAD_ONEDNN", "0")
    assert not folding.usable()
    plain = backbones.load(backbones.Params(name="efficientnet_lite0", weights=None, image_size=64), device="cpu")
    torch.testing.assert_close(plain.features(x, ["layer3"])[0], fused, rtol=1e-3, atol=1e-4)
    monkeypatch.delenv("VAD_ONEDNN")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not folding.usable()
