"""What a video's length costs the temporal network: ``python -m stages.weak_lengths [--dim 1024] [--rounds 50]``.

Median CPU milliseconds per video of PyTorch, ONNX Runtime and OpenVINO, one thread, in interleaved rounds; times do not
depend on the weights, so an untrained network is timed. ``--encoder`` adds what the image encoder takes for the frames.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from vad.detectors.weak import Params, export
from vad.detectors.weak.network import Network
from vad.pipeline import params, stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dim", type=int, default=1024, help="values of a snippet's features")
    parser.add_argument("--rounds", type=int, default=50, help="interleaved runs that the median is taken of")
    parser.add_argument("--encoder", action="store_true", help="also time the image encoder on one frame per snippet")
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = params.section("weak", Params)
    network = Network(options.dim, settings.width, settings.reach).eval()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "temporal.onnx"
        export.to_onnx(network, settings.loss, path)
        engines = ("torch", "onnxruntime", "openvino")
        runs = {name: export.runner(name, network, settings.loss, path) for name in engines}
        rows = export.milliseconds(runs, options.dim, options.rounds)
    frame = encoder_milliseconds() if options.encoder else 0.0
    print("| snippets | " + " | ".join(f"{name}, ms" for name in runs) + (" | encoder, s |" if frame else " |"))
    print("| ---: " * (len(runs) + 1 + bool(frame)) + "|")
    for row in rows:
        cells = [str(row["snippets"]), *(f"{row[name]:.2f}" for name in runs)]
        print("| " + " | ".join([*cells, *([f"{row['snippets'] * frame / 1e3:.2f}"] if frame else [])]) + " |")


def encoder_milliseconds(count: int = 32) -> float:
    """Mean CPU time of the image encoder per frame."""
    from vad.features import encoders, semantic

    encoder = encoders.load(params.section("encoder", semantic.Params))
    frames = np.random.default_rng(0).integers(0, 256, (16, 240, 428, 3), dtype=np.uint8)
    encoder.encode_images(frames)
    started = time.process_time()
    for _ in range(count // 16):
        encoder.encode_images(frames)
    return 1e3 * (time.process_time() - started) / count


if __name__ == "__main__":
    stage.run(main)
