"""Networks in eight bits: static quantisation of an ONNX graph after training (Jacob et al. 2018).

"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", section 2: weights are
rounded to int8 by output channel, activations to uint8 by the least and the largest value that calibration frames gave
them. On x86 the products of both are summed in 32 bits by VNNI's instructions; those of older processors overflow.
"""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vad.pipeline import stage
from vad.pipeline.errors import UserError

FLAGS = Path("/proc/cpuinfo")


def quantise(graph: Path, batches: Sequence[np.ndarray]) -> None:
    """Round the float32 ``graph`` to int8, in its place; the same graph and batches give the same bytes.

    Args:
        batches: what the graph's one input is like, each (B, 3, side, side) float32, preprocessed; normal video.

    Raises:
        UserError: there is no batch.
    """
    import onnx
    from onnxruntime import quantization

    if not batches:
        raise UserError(f"{graph.name} cannot be rounded to int8: no frame of normal video went through it")
    apart = onnx.load(str(graph))
    _part_outputs(apart.graph)
    onnx.save(apart, str(graph))
    inferred = onnx.shape_inference.infer_shapes(apart).graph
    name = inferred.input[0].name
    rounded = graph.with_suffix(".int8")
    with stage.quiet():
        quantization.quantize_static(
            str(graph),
            str(rounded),
            _Batches(name, batches),
            nodes_to_exclude=_of_shapes(inferred),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    graph.write_bytes(onnx.load(str(rounded)).SerializeToString(deterministic=True))
    rounded.unlink()


def check_processor() -> None:
    """Refuse a processor on which the graphs' sums would overflow, and scores would be others without a word.

    Raises:
        UserError: it is an x86 without VNNI.
    """
    if platform.machine() not in ("x86_64", "AMD64") or not FLAGS.exists():
        return
    if not {"avx512_vnni", "avx_vnni"} & set(FLAGS.read_text().split()):
        raise UserError("this processor has no VNNI: int8 graphs would overflow; take a bundle of precision float32")


def _part_outputs(graph: Any) -> None:
    """Give what the graph returns a node of its own: an output that is cut off next, at 0 or at 6, would be cut too."""
    from onnx import helper

    for output in graph.output:
        inner = f"{output.name}_inner"
        for node in graph.node:
            for names in (node.input, node.output):
                names[:] = [inner if name == output.name else name for name in names]
        graph.node.append(helper.make_node("Identity", [inner], [output.name], name=f"{output.name}_returned"))


def _of_shapes(graph: Any) -> list[str]:
    """The nodes of an ``onnx.GraphProto`` that reckon with shapes, such as how wide to pad, which must not change."""
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in [*graph.value_info, *graph.output]}
    return [node.name for node in graph.node if all(ranks.get(output, 0) < 2 for output in node.output)]


class _Batches:
    """ONNX Runtime's reader of calibration data."""

    def __init__(self, name: str, batches: Sequence[np.ndarray]) -> None:
        self._left = iter([{name: batch} for batch in batches])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch by the input's name; None after the last."""
        return next(self._left, None)
