"""The temporal network as an ONNX graph for videos of any length, and what a length costs in each engine.

The length is a free dimension of the graph: nothing is padded to a fixed one, so that a short video is a short one.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from vad.detectors.weak.network import Network, Scorer
from vad.pipeline import stage
from vad.pipeline.errors import UserError

LENGTHS = (72, 106, 109, 130, 165, 177, 196, 256)  # sampled frames of the videos that VADL was timed on
LONGEST = 4096
Run = Callable[[np.ndarray], np.ndarray]


def to_onnx(network: Network, loss: str, path: Path) -> None:
    """Write the graph (T, D) features -> (T,) scores, 1 <= T <= ``LONGEST``."""
    example = (torch.zeros(20, len(network.centre)),)
    length = torch.export.Dim("T", min=1, max=LONGEST)
    with stage.quiet():
        graph = torch.onnx.export(
            Scorer(network.eval(), loss).eval(), example, dynamo=True, verbose=False,
            dynamic_shapes=({0: length},), input_names=["features"], output_names=["scores"],
        )  # fmt: skip
    assert graph is not None  # it is what dynamo gives
    graph.save(str(path))


def runner(engine: str, network: Network, loss: str, path: Path) -> Run:
    """(T, D) float32 -> (T,) in one of the engines torch, onnxruntime, openvino; one thread each.

    Raises:
        UserError: the engine is not installed.
    """
    if engine == "torch":
        scorer = Scorer(network.eval(), loss).eval()

        @torch.inference_mode()
        def run(features: np.ndarray) -> np.ndarray:
            return scorer(torch.from_numpy(features)).numpy()

        return run
    try:
        return {"onnxruntime": _onnxruntime, "openvino": _openvino}[engine](path)
    except ImportError:
        raise UserError(f"{engine} is not installed: pip install {engine}") from None


def _onnxruntime(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda features: session.run(None, {"features": features})[0]


def _openvino(path: Path) -> Run:
    import openvino

    compiled = openvino.compile_model(str(path), "CPU", {"INFERENCE_NUM_THREADS": 1})
    return lambda features: next(iter(compiled(features).values()))


def milliseconds(runs: dict[str, Run], dim: int, rounds: int) -> list[dict[str, float]]:
    """Per length the median CPU time of each engine in ms; engines take turns, so that a busy moment meets them all.

    It is the process's own: with one thread each that is the time on a quiet machine, and other load changes it little.
    """
    rng, rows = np.random.default_rng(0), []
    for length in LENGTHS:
        features = rng.normal(size=(length, dim)).astype(np.float32)
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for run in runs.values():
            run(features)
        for _ in range(rounds):
            for name, run in runs.items():
                started = time.process_time()
                run(features)
                taken[name].append(1e3 * (time.process_time() - started))
        rows.append({"snippets": length} | {name: statistics.median(own) for name, own in taken.items()})
    return rows
