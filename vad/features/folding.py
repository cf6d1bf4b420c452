"""Makes a traced convolutional network faster without changing what it computes (up to rounding, 1e-4).

Batch normalisation is folded into the convolutions; on a CPU, each convolution then takes its "same" padding and its
ReLU along in one oneDNN call, which on a mobile network is a third of the time.
"""

import os

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

Size = tuple[int, int]


def fold_batch_norm(graph: fx.GraphModule) -> None:
    """Fold each batch normalisation that alone follows a convolution into it; timm's keep their activation."""
    modules = dict(graph.named_modules())
    for node in graph.graph.nodes:
        norm = modules.get(node.target) if node.op == "call_module" else None
        if not isinstance(norm, nn.BatchNorm2d) or node.args[0].op != "call_module":
            continue
        conv = modules[node.args[0].target]
        if not isinstance(conv, nn.Conv2d) or len(node.args[0].users) > 1:
            continue
        assert norm.running_mean is not None  # the network is trained
        assert norm.running_var is not None
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        _replace(graph, node.target, getattr(norm, "act", nn.Identity()))


def fuse_activations(graph: fx.GraphModule) -> None:
    """Put every convolution and the ReLU or ReLU6 that alone follows it into one :class:`OneDnnConv`."""
    if not torch.backends.mkldnn.is_available():
        return
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        conv = modules.get(node.target) if node.op == "call_module" else None
        if not isinstance(conv, nn.Conv2d) or not _fusible(conv):
            continue
        last, activation = _activation(node, modules)
        _replace(graph, node.target, OneDnnConv(conv, activation))
        if last is not node:
            last.replace_all_uses_with(node)
    graph.graph.eliminate_dead_code()
    graph.recompile()


def _activation(node: fx.Node, modules: dict[str, nn.Module]) -> tuple[fx.Node, str]:
    """The node whose output is that of ``node`` after its activation, and oneDNN's name for the activation."""
    while len(node.users) == 1:
        user = next(iter(node.users))
        module = modules.get(str(user.target)) if user.op == "call_module" else None
        if isinstance(module, nn.ReLU6):
            return user, "hardtanh"
        if isinstance(module, nn.ReLU):
            return user, "relu"
        if not isinstance(module, nn.Identity):
            break
        node = user
    return node, "none"


def _replace(graph: fx.GraphModule, target: str, module: nn.Module) -> None:
    parent, _, name = target.rpartition(".")
    setattr(graph.get_submodule(parent), name, module)


class OneDnnConv(nn.Module):
    """A convolution, its padding and its activation in one oneDNN call; float32 on the CPU, with frozen weights.

    TensorFlow's "same" padding may be one wider behind than before the picture, which the call cannot do: the kernel
    then gets a row or column of zeros in front, so that both sides are padded alike.

    Args:
        conv: with fixed padding, or timm's Conv2dSame.
        activation: "none", "relu" or "hardtanh" (clipped to 0 to 6).
    """

    def __init__(self, conv: nn.Conv2d, activation: str) -> None:
        super().__init__()
        self._conv = conv
        self._same = _pads_to_same(conv)
        self._activation = activation
        self._weights: dict[Size, torch.Tensor] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        conv = self._conv
        padding, widen = self._padding((x.shape[-2], x.shape[-1])) if self._same else (conv.padding, (0, 0))
        if widen not in self._weights:
            wide = F.pad(conv.weight.detach(), (widen[1], 0, widen[0], 0))
            self._weights[widen] = wide.contiguous(memory_format=torch.channels_last)
        settings = padding, conv.stride, conv.dilation, conv.groups
        return _Call.apply(x, self._weights[widen], conv.bias, settings, self._activation)

    def _padding(self, size: Size) -> tuple[Size, Size]:
        """Padding on both sides, and the zeros to put before the kernel, in height and width."""
        conv = self._conv
        padding, widen = [], []
        for length, kernel, stride in zip(size, conv.kernel_size, conv.stride, strict=True):
            total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            padding.append(total - total // 2)
            widen.append(total % 2)
        return (padding[0], padding[1]), (widen[0], widen[1])


def usable() -> bool:
    """Whether PyTorch has the private oneDNN call that this module makes; ``VAD_ONEDNN=0`` says not to make it."""
    if os.environ.get("VAD_ONEDNN") == "0" or not torch.backends.mkldnn.is_available():
        return False
    return hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _fusible(conv: nn.Conv2d) -> bool:
    if _pads_to_same(conv):
        return conv.dilation == (1, 1)
    return conv.padding_mode == "zeros" and not isinstance(conv.padding, str)


def _pads_to_same(conv: nn.Conv2d) -> bool:
    from timm.layers.conv2d_same import Conv2dSame

    return isinstance(conv, Conv2dSame)


class _Call(torch.autograd.Function):
    """The call of :class:`OneDnnConv`, and the gradient of its input."""

    @staticmethod
    def forward(ctx, x, weight, bias, settings, activation):
        bounds = [0.0, 6.0] if activation == "hardtanh" else []
        y = torch.ops.mkldnn._convolution_pointwise(x, weight, bias, *settings, activation, bounds, "")
        ctx.save_for_backward(x, weight, y)
        ctx.settings, ctx.activation = settings, activation
        return y

    @staticmethod
    def backward(ctx, gradient):
        x, weight, y = ctx.saved_tensors
        if ctx.activation == "hardtanh":
            gradient = torch.ops.aten.hardtanh_backward(gradient, y, 0.0, 6.0)
        elif ctx.activation == "relu":
            gradient = torch.ops.aten.threshold_backward(gradient, y, 0.0)
        padding, stride, dilation, groups = ctx.settings
        into = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, stride, padding, dilation, False, (0, 0), groups, (True, False, False)
        )
        return into[0], None, None, None, None
