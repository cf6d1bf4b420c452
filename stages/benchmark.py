"""Speed and memory on this machine: ``python -m stages.benchmark [--store data] [--frames 512] [--json FILE]``."""

import argparse
import sys
from functools import partial
from pathlib import Path

from vad.benchmark import memory, run, table
from vad.data.frames import FrameStore
from vad.pipeline import artifacts, stage
from vad.pipeline.errors import UserError


def main() -> None:
    options = parse()
    store = FrameStore(options.store)
    if options.peak_of_fit:
        print(memory.peak_of_fit(store, options.peak_of_fit))
        return
    what, figures = run.measure(store, options.frames, partial(peak, options.store))
    print(what)
    print(table.table(figures))
    if options.json:
        artifacts.save_json(options.json, {"measured": what, "rows": table.values(figures)})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("data"), help="folder of the frame store")
    parser.add_argument("--frames", type=int, default=512, help="training frames to time on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    parser.add_argument("--peak-of-fit", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.frames < 1:
        raise UserError(f"--frames {options.frames}: at least one frame is needed")
    return options


def peak(store: Path, frames: int) -> float:
    """Peak memory in MiB of a fresh process of this script that fits PaDiM on ``frames`` frames."""
    command = [sys.executable, "-m", "stages.benchmark", "--store", str(store), "--peak-of-fit", str(frames)]
    return memory.of_process(command)


if __name__ == "__main__":
    stage.run(main, alone=False)
