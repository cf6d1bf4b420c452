import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from vad.data.frames import Clip, ClipWriter
from vad.features import backbones, batching
from vad.pipeline.errors import UserError


def params(**changes) -> backbones.Params:
    return backbones.Params(**{"name": "efficientnet_lite0", "weights": None, "image_size": 224, **changes})


@pytest.fixture(scope="module")
def backbone() -> backbones.Backbone:
    return backbones.load(params())


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> backbones.Backbone:
    """A residual network with random weights, written to disk and loaded from there."""
    import timm

    path = tmp_path_factory.mktemp("weights") / "resnet10t.pth"
    torch.manual_seed(0)
    net = timm.create_model("resnet10t", pretrained=False)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):  # as if trained: folding the initial statistics would prove nothing
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    torch.save(net.state_dict(), path)
    return backbones.load(params(name="timm:resnet10t", weights=path, image_size=96))


@pytest.mark.parametrize(
    ("picture", "names"),
    [
        ("chelsea", {"Egyptian cat"}),
        ("coffee", {"espresso"}),
        ("camera", {"tripod"}),
        ("motorcycle_left", {"moped", "motor scooter"}),
    ],
)
def test_embedded_backbone_names_what_a_picture_shows(backbone, picture, names):
    import skimage
    from torchvision.models import ResNet18_Weights

    image = skimage.io.imread(f"{skimage.data_dir}/{picture}.png")
    image = np.stack([image] * 3, axis=-1) if image.ndim == 2 else image[..., :3]
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    square = np.ascontiguousarray(image[top : top + side, left : left + side])[None]
    best = backbone.logits(backbone.preprocess(square)).argmax(dim=1).item()
    assert ResNet18_Weights.IMAGENET1K_V1.meta["categories"][best] in names


@pytest.mark.parametrize("which", ["backbone", "small"])
def test_folded_graph_equals_the_plain_network(which, request):
    net = request.getfixturevalue(which)
    x = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        plain = {}
        hooks = [
            net._net.get_submodule(module).register_forward_hook(
                lambda _m, _i, out, name=name: plain.update({name: out})
            )
            for name, module in net.stages.items()
        ]
        logits = net._net(x)
        for hook in hooks:
            hook.remove()
    for name, features in zip(net.stages, net.features(x, list(net.stages)), strict=True):
        torch.testing.assert_close(features, plain[name], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(net.logits(x), logits, rtol=1e-4, atol=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in net._graph(("logits",)).modules())


def test_stages_have_strides_4_to_32_and_nothing_deeper_is_computed(backbone):
    x = torch.zeros(1, 3, 64, 64)
    assert [f.shape[-1] for f in backbone.features(x, ["layer1", "layer2", "layer3", "layer4"])] == [16, 8, 4, 2]
    shallow = {node.target for node in backbone._graph(("layer1",)).graph.nodes}
    assert not any("blocks.2" in str(target) for target in shallow)


def test_activations_carry_the_gradient_of_the_class_score(small):
    """A small step along the gradient changes the logit by step * |gradient|^2."""
    x = torch.randn(1, 3, 96, 96)
    (deep,), logits = small.activations(x, ["layer4"])
    (gradient,) = torch.autograd.grad(logits[0, 3], deep)
    step = 1e-2 * gradient
    moved = small._net.fc(small._net.global_pool(deep + step))[0, 3]
    assert (moved - logits[0, 3]).item() == pytest.approx((gradient * step).sum().item(), rel=1e-2)


def test_preprocess_normalises(backbone):
    frames = np.full((1, 30, 40, 3), 255, dtype=np.uint8)
    frames[..., 2] = 0
    x = backbone.preprocess(frames)
    assert x.shape == (1, 3, 224, 224)
    torch.testing.assert_close(x[0, :, 5, 5], torch.tensor([1.0, 1.0, -1.0]))


def test_batches_cross_clips_but_not_frame_sizes(tmp_path):
    clips = []
    for name, (height, width), count in [("a", (8, 10), 3), ("b", (8, 10), 2), ("c", (6, 10), 1)]:
        with ClipWriter(tmp_path / f"{name}.zip", quality=95) as writer:
            for frame in range(count):
                writer.add(frame, np.full((height, width, 3), 40 * len(clips) + 10 * frame, dtype=np.uint8))
        numbers = np.arange(count)
        clips.append(
            Clip(
                name,
                "01",
                "train",
                25.0,
                numbers,
                np.zeros(count),
                numbers,
                tmp_path / f"{name}.zip",
                size=(width, height),
            )
        )
    seen = list(batching.batches(clips, size=4))
    assert [b.shape for b in seen] == [(4, 8, 10, 3), (1, 8, 10, 3), (1, 6, 10, 3)]
    assert [int(f[0, 0, 0]) for b in seen for f in b] == pytest.approx([0, 10, 20, 40, 50, 80], abs=2)
    assert list(batching.batches([])) == []


def test_mistakes_are_one_line(tmp_path):
    with pytest.raises(UserError, match="'resnet' is unknown; choose from efficientnet_lite0, resnet18"):
        backbones.load(params(name="resnet"))
    with pytest.raises(UserError, match=r"not a model of timm; near it: .*resnet10t"):
        backbones.load(params(name="timm:resnet10"))
    with pytest.raises(UserError, match="does not exist"):
        backbones.load(params(name="resnet18", weights=tmp_path / "none.pth"))
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(UserError, match="is not a state dict"):
        backbones.load(params(name="resnet18", weights=tmp_path / "text.pth"))
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"does not fit resnet18: 'conv1\.weight'"):
        backbones.load(params(name="resnet18", weights=tmp_path / "other.pth"))


def test_failed_download_says_what_from_where_and_the_way_out(monkeypatch):
    def offline(*_args, **_kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models.resnet18", offline)
    with pytest.raises(
        UserError, match=r"backbone\.name = 'resnet18' .*download\.pytorch\.org.*efficientnet_lite0.*backbone\.weights"
    ):
        backbones.load(params(name="resnet18"))


def test_a_failed_download_is_told_once(monkeypatch, caplog):
    def offline(*_args, **_kwargs):
        logging.getLogger("hub").error("trying again")
        raise OSError("no route to host")

    monkeypatch.setattr("timm.create_model", offline)
    with pytest.raises(
        UserError, match=r"encoder\.backbone = 'timm:resnet18' could not be downloaded from the Hugging"
    ):
        backbones.load(params(name="timm:resnet18"), key="encoder.backbone")
    assert not caplog.records


def test_unknown_layer_names_the_choices(backbone):
    with pytest.raises(UserError, match="no layer 'layer9'; choose from layer1, layer2, layer3, layer4"):
        backbone.features(torch.zeros(1, 3, 64, 64), ["layer9"])


def test_a_backbone_does_without_pytorchs_compiler_which_works_afterwards():
    code = (
        "import sys, torch\n"
        "from vad.features import backbones\n"
        "backbones.load(backbones.Params(name='efficientnet_lite0', weights=None, image_size=64))\n"
        "assert 'torch._dynamo' not in sys.modules and 'sympy' not in sys.modules\n"
        "assert callable(torch._dynamo.optimize) and torch.compiler.disable(len) is not None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bfloat16_is_near_float32_and_comes_out_as_float32(backbone):
    frames = np.random.default_rng(0).integers(0, 256, (2, 60, 80, 3), dtype=np.uint8)
    quick = backbones.load(params(precision="bfloat16"))
    x = backbone.preprocess(frames)
    layers = ["layer1", "layer2", "layer3"]
    for exact, near in zip(backbone.features(x, layers), quick.features(x, layers), strict=True):
        assert near.dtype == torch.float32
        assert not torch.equal(exact, near)
        assert (exact - near).norm() < 0.1 * exact.norm()
    exact, near = (own.activations(x, ["layer3"])[1] for own in (backbone, quick))
    torch.testing.assert_close(exact, near)  # gradients are taken in float32
