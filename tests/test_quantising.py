"""A network in int8 gives nearly what it gives in float32, in the same shapes, and only where it can be run."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from timm.layers import Conv2dSame

from vad.features import quantising
from vad.features.backbones import Backbone
from vad.pipeline.errors import UserError

NAMES = ["layer1", "layer2", "logits"]
SIDE = 30  # not divisible by the strides: how wide to pad is reckoned in the graph


class Padded(torch.nn.Module):
    """Strided layers that pad as TensorFlow does, with fixed random weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = Conv2dSame(3, 16, 3, stride=2)
        self.second = Conv2dSame(16, 24, 3, stride=2)
        self.head = torch.nn.Linear(24, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = torch.relu(self.first(x))
        return self.head((self.second(first) + 1).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone(Padded(), {"layer1": "first", "layer2": "second"}, (0.5,) * 3, (0.5,) * 3, image_size=SIDE)


def frames(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 40, 40, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def batches(backbone: Backbone) -> list[np.ndarray]:
    with backbone.recorded() as seen:
        for seed in range(4):
            backbone.outputs(backbone.preprocess(frames(8, seed)), NAMES)
    backbone.outputs(backbone.preprocess(frames(8, 9)), NAMES)  # no longer kept
    assert [batch.shape for batch in seen] == [(8, 3, SIDE, SIDE)] * 4
    return seen


@pytest.fixture(scope="module")
def graph(backbone: Backbone, batches: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "network0.onnx"
    backbone.export(NAMES, SIDE, path)
    quantising.quantise(path, batches)
    return path


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("batch", [1, 5])
def test_int8_is_close_to_float32(backbone: Backbone, graph: Path, engine: str, batch: int) -> None:
    """Within 3 % of the outputs' norm."""
    x = backbone.preprocess(frames(batch, 50))
    rounded = backbone.run_by(engine, graph, NAMES, SIDE).outputs(x, NAMES)
    for ours, theirs in zip(rounded, backbone.outputs(x, NAMES), strict=True):
        assert ours.shape == theirs.shape
        assert torch.isfinite(ours).all()
        difference = (ours - theirs).norm() / theirs.norm()
        assert 0 < difference < 0.03


def test_weights_are_bytes_and_the_same_each_time(
    backbone: Backbone, graph: Path, batches: list[np.ndarray], tmp_path: Path
) -> None:
    weights = [one for one in onnx.load(str(graph)).graph.initializer if len(one.dims) == 4]
    assert len(weights) == 2
    assert {one.data_type for one in weights} == {onnx.TensorProto.INT8}
    backbone.export(NAMES, SIDE, tmp_path / "again.onnx")
    quantising.quantise(tmp_path / "again.onnx", batches)
    assert (tmp_path / "again.onnx").read_bytes() == graph.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.onnx"]


def test_what_cannot_be_rounded_or_run_is_said_in_one_line(
    backbone: Backbone, graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"network0\.onnx cannot be rounded to int8: no frame of normal video"):
        quantising.quantise(graph, [])
    monkeypatch.setattr(quantising.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(quantising, "FLAGS", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("flags : avx2 fma\n")
    with pytest.raises(UserError, match="has no VNNI"):
        quantising.check_processor()
    (tmp_path / "cpuinfo").write_text("flags : avx2 avx_vnni\n")
    quantising.check_processor()
