"""Networks as ONNX graphs, and the engines that run them: ONNX Runtime and OpenVINO beside PyTorch itself.

A graph takes batches of any size. Engines compute in float32, so that scores stay what they were: equal to PyTorch's
within 1e-4 (a test compares).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from vad.pipeline import stage
from vad.pipeline.errors import UserError

ENGINES: tuple[Literal["torch", "onnxruntime", "openvino"], ...] = ("torch", "onnxruntime", "openvino")
OPSET = 18
Runner = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


def export(
    network: nn.Module, inputs: dict[str, torch.Tensor], outputs: Sequence[str], batched: Sequence[str], path: Path
) -> None:
    """Write ``network`` as an ONNX graph; the same network gives the same bytes.

    Args:
        inputs: by name, examples; outputs: names of what the network returns.
        batched: those inputs and outputs whose first dimension is the batch and may have any length.
    """
    import warnings

    import onnx

    with stage.quiet(), warnings.catch_warnings():
        # The exporter by torch.export takes four times as long and names nodes after lines of this file.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in batched},
            opset_version=OPSET,
            dynamo=False,
        )
    graph = onnx.load(str(path))
    for node in graph.graph.node:
        node.doc_string = ""
    path.write_bytes(graph.SerializeToString(deterministic=True))


def load(path: Path, engine: str) -> Runner:
    """What runs the graph in ``path`` by ``engine``: input name -> array to output name -> array.

    Raises:
        UserError: the engine is not installed, unknown, or cannot read the graph.
    """
    make = {"onnxruntime": _onnxruntime, "openvino": _openvino}.get(engine)
    if make is None:
        raise UserError(f"engine '{engine}' runs no graphs; choose from {', '.join(ENGINES[1:])}")
    try:
        # From bytes: a graph cannot name files beside it that way.
        return make(path.read_bytes())
    except ImportError:
        raise UserError(
            f"the engine {engine} is not installed: 'pip install {engine}', or take the engine torch"
        ) from None
    except Exception as error:  # each engine raises its own
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{path} cannot be run by {engine} ({reason}): take another engine") from None


def _onnxruntime(graph: bytes) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = stage.workers()
    options.log_severity_level = 3
    # Its threads wait asleep: others have work for the core meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def _openvino(graph: bytes) -> Runner:
    import openvino

    core = openvino.Core()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # newer CPUs would take bfloat16
        "INFERENCE_NUM_THREADS": stage.workers(),
    }
    compiled = core.compile_model(core.read_model(graph), "CPU", settings)
    names = [output.any_name for output in compiled.outputs]

    def run(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        found = compiled(inputs)
        return {name: np.array(found[i]) for i, name in enumerate(names)}

    return run
