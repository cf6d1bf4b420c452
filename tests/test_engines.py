"""ONNX graphs give what PyTorch gives, whatever the engine and the batch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests import moving_squares as squares
from tests.test_padim import Pyramid
from vad.detectors import gradcam, padim
from vad.features import engines
from vad.features.backbones import Backbone
from vad.pipeline.errors import UserError

NAMES = ["layer1", "layer2", "logits"]
PADIM = padim.Params(
    layers=["layer1", "layer2"],
    n_features=6,
    reduction="projection",
    grid=8,
    epsilon=0.01,
    per_scene=True,
    sigma=1.0,
    aggregate="mean",
    top_fraction=0.1,
)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone(Pyramid(), {"layer1": "first", "layer2": "second"}, (0.5,) * 3, (0.5,) * 3, image_size=64)


@pytest.fixture(scope="module")
def graph(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "network0.onnx"
    backbone.export(NAMES, 64, path)
    return path


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("batch", [1, 5])
def test_an_engine_gives_what_torch_gives(backbone: Backbone, graph: Path, engine: str, batch: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (batch, 48, 64, 3)).astype(np.uint8)
    x = backbone.preprocess(frames)
    for ours, theirs in zip(
        backbone.run_by(engine, graph, NAMES, 64).outputs(x, NAMES), backbone.outputs(x, NAMES), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("head", [False, True])
def test_scores_and_maps_are_the_same(backbone: Backbone, graph: Path, tmp_path: Path, engine: str, head: bool) -> None:
    """By the backbone's graph alone, and with PaDiM's whitening and map in a graph too."""
    state = padim.fit([squares.clip(tmp_path, "t", 1.0)], PADIM, 0, backbone)
    clip = squares.clip(tmp_path, "run", 3.0, frames=20)
    plain, maps = padim.Detector(state, PADIM, backbone).score(clip)
    run = backbone.run_by(engine, graph, NAMES, 64)
    detector = padim.Detector(state, PADIM, run)
    if head:
        detector.export(tmp_path / "head.onnx")
        detector.run_by(engine, tmp_path / "head.onnx")
    scores, other_maps = detector.score(clip)
    np.testing.assert_allclose(scores, plain, rtol=1e-4)
    np.testing.assert_allclose(other_maps.astype(float), maps.astype(float), rtol=2e-3, atol=1e-4)


def test_an_engine_is_asked_only_for_what_its_graph_gives(
    backbone: Backbone, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(engines, "load", lambda path, engine: lambda inputs: asked.append(1))
    run = backbone.run_by("onnxruntime", graph, ["layer1"], 64)
    run.outputs(torch.zeros(1, 3, 64, 64), ["layer2"])  # the graph has no layer2
    run.outputs(torch.zeros(1, 3, 32, 32), ["layer1"])  # nor takes so small a picture
    params = gradcam.Params(layers=["layer1"], reference="global", grid=8)
    gradcam.cams(np.zeros((1, 64, 64, 3), np.uint8), params, run)  # nor has gradients
    assert asked == []


def test_the_same_network_gives_the_same_bytes(backbone: Backbone, graph: Path, tmp_path: Path) -> None:
    backbone.export(NAMES, 64, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == graph.read_bytes()


def test_a_graph_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "network0.onnx").write_bytes(b"nonsense")
    for engine in ("onnxruntime", "openvino"):
        with pytest.raises(UserError, match=f"network0.onnx cannot be run by {engine}"):
            engines.load(tmp_path / "network0.onnx", engine)
    with pytest.raises(UserError, match="choose from onnxruntime, openvino"):
        engines.load(tmp_path / "network0.onnx", "tensorrt")
