"""ImageNet classifiers as feature extractors: ``load`` one by name, then ``features`` or ``logits`` of RGB frames.

The network runs as a torch.fx graph, with batch normalisation folded into the convolutions and channels-last memory
(three times the frames per second of the plain network on a CPU, equal to it within 1e-4), and stops after the deepest
layer that is asked for.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from vad.features import engines, folding, lean
from vad.features.pretrained import Params, Precision, create
from vad.pipeline import stage
from vad.pipeline.errors import UserError


class Backbone:
    """A frozen classifier.

    Args:
        net: classifier of (B, 3, H, W) to (B, classes).
        stages: stage name ("layer1", ...) -> module in ``net`` whose output it is.
        mean, std: per-channel normalisation of RGB in [0, 1].
        image_size: side in pixels that :meth:`preprocess` resizes to.
        device: torch device to run on.
        precision: that the network computes with where no gradients are wanted; what comes out is float32.
    """

    def __init__(
        self,
        net: nn.Module,
        stages: dict[str, str],
        mean: Sequence[float],
        std: Sequence[float],
        image_size: int,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self.stages = stages
        self.image_size = image_size
        self.params: Params | None = None  # by which it was loaded
        self.device = device
        self.precision = precision
        self._type = getattr(torch, precision)
        self._net = net.eval().requires_grad_(False)
        # Folded into one multiply-add on the 0-255 scale.
        self._scale = (1 / (255 * torch.tensor(std))).view(1, 3, 1, 1).to(device)
        self._shift = (-torch.tensor(mean) / torch.tensor(std)).view(1, 3, 1, 1).to(device)
        self._graphs: dict[tuple[tuple[str, ...], str | None], fx.GraphModule] = {}
        self._runners: list[tuple[set[str], int, engines.Runner]] = []
        self._seen: list[np.ndarray] | None = None

    @property
    def network(self) -> nn.Module:
        """The classifier itself, as it was before it was made faster."""
        return self._net

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the network's weights, by which a fitted model knows the backbone it was fitted with."""
        return digest(self._net)

    def preprocess(self, frames: np.ndarray) -> torch.Tensor:
        """(B, H, W, 3) uint8 RGB -> (B, 3, S, S) normalised float32 on the device, antialiased bilinear resize.

        The resize runs on the CPU in uint8, which is nine times as fast as in float and within one gray level of it.
        """
        pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)
        side = (self.image_size, self.image_size)
        pixels = F.interpolate(pixels, size=side, mode="bilinear", antialias=True)
        return pixels.to(self.device).float() * self._scale + self._shift

    @torch.no_grad()
    def features(self, x: torch.Tensor, layers: Sequence[str]) -> list[torch.Tensor]:
        """Activations (B, C, h, w) float32 of preprocessed ``x`` at ``layers``; nothing deeper is computed."""
        return self.outputs(x, layers)

    @torch.no_grad()
    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Class scores (B, classes) before softmax, in ImageNet-1k order, of preprocessed ``x``."""
        return self.outputs(x, ["logits"])[0]

    def activations(self, x: torch.Tensor, layers: Sequence[str]) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Features at ``layers`` and the logits, with a gradient graph that starts at the shallowest of ``layers``."""
        first = min(layers, key=list(self.stages).index)
        *features, logits = self.outputs(x, [*layers, "logits"], first)
        return features, logits

    def outputs(self, x: torch.Tensor, names: Sequence[str], grad_from: str | None = None) -> list[torch.Tensor]:
        """What ``names`` say of preprocessed ``x``: layers and "logits", in one pass that goes no deeper than they.

        Args:
            grad_from: the layer at which a gradient graph starts; None for no gradients.
        """
        if self._seen is not None:
            self._seen.append(x.cpu().numpy())
        for known, side, run in self._runners:
            if grad_from is None and known.issuperset(names) and x.shape[-1] == side:
                found = run({"x": x.cpu().numpy()})
                return [torch.from_numpy(found[name]).to(self.device) for name in names]
        graph = self._graph(tuple(names), grad_from=grad_from)
        with torch.set_grad_enabled(grad_from is not None):
            if grad_from is not None or self._type is torch.float32:
                return list(graph(x))
            return [layer.float() for layer in graph(x.to(self._type, memory_format=torch.channels_last))]

    @contextmanager
    def recorded(self) -> Iterator[list[np.ndarray]]:
        """What goes into the network meanwhile: its batches (B, 3, S, S), preprocessed."""
        self._seen = []
        try:
            yield self._seen
        finally:
            self._seen = None

    def export(self, names: Sequence[str], side: int, path: Path) -> None:
        """Write the network from a preprocessed batch ``x`` (B, 3, side, side) to ``names`` as an ONNX graph."""
        graph = _trace(self._net, [self.stages.get(name) for name in names], None)
        folding.fold_batch_norm(graph)
        example = torch.zeros(2, 3, side, side)
        engines.export(graph.cpu(), {"x": example}, names, ["x", *names], path)

    def run_by(self, engine: str, path: Path, names: Sequence[str], side: int) -> "Backbone":
        """The same backbone, whose ``names`` of inputs of ``side`` pixels an engine computes from the graph ``path``.

        Gradients, and what the graph does not give, stay PyTorch's.
        """
        other = copy(self)
        other._runners = [*self._runners, (set(names), side, engines.load(path, engine))]
        return other

    def _graph(self, outputs: tuple[str, ...], grad_from: str | None = None) -> fx.GraphModule:
        if (outputs, grad_from) not in self._graphs:
            for name in outputs:
                if name not in self.stages and name != "logits":
                    raise UserError(f"the backbone has no layer '{name}'; choose from {', '.join(self.stages)}")
            start = None if grad_from is None else self.stages.get(grad_from)
            graph = _trace(self._net, [self.stages.get(name) for name in outputs], start)
            folding.fold_batch_norm(graph)
            graph.requires_grad_(False)
            kind = torch.float32 if grad_from is not None else self._type
            graph = graph.to(self.device, kind, memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it
            if self.device == "cpu" and folding.usable():
                folding.fuse_activations(graph)
            self._graphs[outputs, grad_from] = graph
        return self._graphs[outputs, grad_from]


def digest(net: nn.Module) -> str:
    """SHA-256 of a network's weights with their names."""
    sha = hashlib.sha256()
    for name, tensor in net.state_dict().items():
        sha.update(name.encode())
        sha.update(tensor.cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()


def load(params: Params, device: str | None = None, key: str = "backbone.name") -> Backbone:
    """The backbone that ``params`` names, on ``device`` (by default the one that the environment gives).

    Args:
        key: the parameter that the name comes from, for messages.

    Raises:
        UserError: an unknown name, a download that failed, or weights that do not fit.
    """
    lean.load()
    found = create(params, key)
    backbone = Backbone(*found, params.image_size, device or stage.device(), params.precision)
    backbone.params = params
    return backbone


def common(params: Params, key: str = "backbone.name") -> Backbone:
    """The one backbone of the process with these ``params``, so that those who look through it share its passes."""
    if (params, stage.device()) not in _common:
        _common[params, stage.device()] = load(params, key=key)
    return _common[params, stage.device()]


_common: dict[tuple[Params, str], Backbone] = {}


def _trace(net: nn.Module, modules: list[str | None], grad_from: str | None) -> fx.GraphModule:
    """``net`` as a graph that returns the outputs of ``modules`` (None: the network's own) and computes no more."""
    from timm.layers import BatchNormAct2d
    from timm.layers.conv2d_same import Conv2dSame
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    leaves = {"leaf_modules": [BatchNormAct2d, Conv2dSame]}
    try:
        last = get_graph_node_names(net, tracer_kwargs=leaves)[1][-1]
        wanted = [module or last for module in modules]
        graph = create_feature_extractor(deepcopy(net), wanted, tracer_kwargs=leaves, suppress_diff_warning=True)
    except (fx.proxy.TraceError, TypeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"the backbone {type(net).__name__} cannot be traced ({reason}); choose another one") from None
    output = next(node for node in graph.graph.nodes if node.op == "output")
    by_module = dict(output.args[0])
    nodes = tuple(by_module[name] for name in wanted)
    output.args = (nodes,)
    if grad_from is not None:
        start = by_module[grad_from]
        with graph.graph.inserting_after(start):
            leaf = graph.graph.call_function(_gradient_leaf, (start,))
        start.replace_all_uses_with(leaf, delete_user_cb=lambda user: user is not leaf)
    graph.recompile()
    return graph.eval()


def _gradient_leaf(x: torch.Tensor) -> torch.Tensor:
    return x.detach().requires_grad_()


def resample(features: torch.Tensor, grid: int) -> torch.Tensor:
    """(B, C, h, w) -> (B, C, grid, grid): averaged down where that divides evenly, else bilinear with antialiasing."""
    height, width = (int(side) for side in features.shape[-2:])  # constants, also where this is traced into a graph
    if height % grid == 0 and width % grid == 0:
        return F.avg_pool2d(features, (height // grid, width // grid))
    return F.interpolate(features, size=(grid, grid), mode="bilinear", antialias=height > grid or width > grid)
