"""Speed and memory on this machine: ``python -m stages.benchmark [--store data] [--frames 512] [--json FILE]``.

Every row works on the same training frames; rounds are interleaved and each row keeps its best one, so that other load
on the machine does not favour one of them. The bare backbone is the whole classifier's forward pass on frames that are
decoded and resized already; every other row includes decoding and resizing. Peak memory is that of a fresh process.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import torch

from vad import artifacts, backbones, detectors, params, stage
from vad.errors import UserError
from vad.frames import Clip, FrameStore

ROUNDS = 3
MEMORY_FRAMES = (500, 2000)


class Bench:
    """The frames to work on, and what is built of them once and not timed."""

    def __init__(self, store: FrameStore, frames: int) -> None:
        self.clips = first_frames(store, frames)
        self.frames = sum(len(clip.frames) for clip in self.clips)
        self._states: dict[str, dict] = {}

    @cached_property
    def backbone(self) -> backbones.Backbone:
        return backbones.load(params.section("backbone", backbones.Params))

    @cached_property
    def tensors(self) -> list[torch.Tensor]:
        return [self.backbone.preprocess(frames) for frames in backbones.batches(self.clips)]

    def fit(self, name: str) -> dict:
        """The state of detector ``name``, fitted on the frames."""
        module = detectors.module(name)
        shared = (self.backbone,) if getattr(module, "NEEDS_BACKBONE", False) else ()
        return module.fit(self.clips, params.section(name, module.Params), params.common().seed, *shared)

    def detector(self, name: str) -> object:
        """Detector ``name``, fitted on the frames once."""
        module = detectors.module(name)
        if name not in self._states:
            self._states[name] = self.fit(name)
        shared = (self.backbone,) if getattr(module, "NEEDS_BACKBONE", False) else ()
        return module.Detector(self._states[name], params.section(name, module.Params), *shared)


def first_frames(store: FrameStore, frames: int) -> list[Clip]:
    """Training clips in name order, the last one cut, with ``frames`` frames in all or as many as there are."""
    clips = []
    for clip in store.clips("train"):
        clips.append(clip.only(clip.frames[: frames - sum(len(c.frames) for c in clips)]))
    clips = [clip for clip in clips if len(clip.frames)]
    if not clips or not store.has_pixels:
        raise UserError(f"{store.folder} holds no training frames: run 'dvc repro extract_frames', or give --store")
    return clips


# What is timed: name and a function that prepares, untimed, and returns what to time.
def bare(bench: Bench) -> Callable[[], object]:
    return lambda: [bench.backbone.logits(x) for x in bench.tensors]


def fit(name: str) -> Callable[[Bench], Callable[[], object]]:
    return lambda bench: lambda: bench.fit(name)


def score(name: str) -> Callable[[Bench], Callable[[], object]]:
    def prepare(bench: Bench) -> Callable[[], object]:
        detector = bench.detector(name)
        return lambda: [detector.score(clip) for clip in bench.clips]

    return prepare


BARE = "bare backbone forward"
ROWS: list[tuple[str, Callable[[Bench], Callable[[], object]]]] = [
    (BARE, bare),
    ("padim fit", fit("padim")),
    ("padim score", score("padim")),
    ("gradcam score", score("gradcam")),
    ("spade score", score("spade")),
]


def speeds(bench: Bench) -> dict[str, float]:
    """Frames per second of each row, the best of the interleaved rounds; the first round after a warm-up."""
    work = {name: prepare(bench) for name, prepare in ROWS}
    best = dict.fromkeys(work, 0.0)
    work[BARE]()
    for _ in range(ROUNDS):
        for name, run in work.items():
            started = time.perf_counter()
            run()
            best[name] = max(best[name], bench.frames / (time.perf_counter() - started))
    return best


def peak_mib(store: Path, frames: int) -> float:
    """Peak resident memory of a fresh process that fits PaDiM on ``frames`` frames."""
    command = [sys.executable, "-m", "stages.benchmark", "--store", str(store), "--memory-of-fit", str(frames)]
    process = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return float(process.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("data"), help="folder of the frame store")
    parser.add_argument("--frames", type=int, default=512, help="training frames to time on")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--memory-of-fit", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    store = FrameStore(options.store)
    if options.memory_of_fit:
        Bench(store, options.memory_of_fit).fit("padim")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return

    # Memory first, while this process is small: Linux counts the peak of the process that starts it as the child's own.
    memory = {frames: peak_mib(options.store, frames) for frames in MEMORY_FRAMES}
    bench = Bench(store, options.frames)
    fps = speeds(bench)
    print(f"{bench.frames} frames, {stage.device()}, {torch.get_num_threads()} threads, best of {ROUNDS} rounds")
    print(f"{'':24}{'frames/s':>10}{'of bare':>10}")
    for name, value in fps.items():
        print(f"{name:24}{value:10.1f}{value / fps[BARE]:10.2f}")
    few, many = MEMORY_FRAMES
    print(f"padim fit, peak memory: {memory[few]:.0f} MiB on {few} frames, {memory[many]:.0f} MiB on {many}", end="")
    print(f" (ratio {memory[many] / memory[few]:.2f})")
    if options.json:
        artifacts.save_json(options.json, {"frames_per_second": fps, "padim_fit_peak_mib": memory})


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"benchmark: {error}")
