"""How time and memory grow with the data: ``python -m stages.benchmark_scale [--times 1 4 16] [--json FILE]``.

Renders campus-sim in a small size, then so many times as large, and runs every stage of dvc.yaml on each, in fresh
processes on one core (``VAD_WORKERS`` and ``OMP_NUM_THREADS`` give it more). ``--times 1 3 9`` takes half as long.
``--again STAGE ... --folder FOLDER`` runs single stages once more where an earlier run kept what they read, and puts
their rows into the same ``--json``.
"""

import argparse
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from vad.benchmark import scale
from vad.pipeline import artifacts, stage
from vad.pipeline.errors import UserError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    parser.add_argument("--folder", type=Path, metavar="NEW", help="keep what the stages made here")
    parser.add_argument("--times", type=int, nargs=3, default=scale.TIMES, help="sizes, each the same factor larger")
    parser.add_argument("--again", nargs="+", metavar="STAGE", help="these alone, in the --folder of an earlier run")
    parser.add_argument("--runs", type=int, default=3, help="of each size with --again; the least counts")
    options = parser.parse_args()
    small, middle, large = options.times
    if not 0 < small < middle < large or middle * middle != small * large:
        raise UserError("--times: three sizes, each the same factor larger than the one before, as 1 4 16")
    if options.runs < 1:
        raise UserError("--runs: at least 1")
    if options.again and not options.folder:
        raise UserError("--again: give the --folder of the earlier run")
    if options.folder and options.folder.exists() and not options.again:
        raise UserError(f"--folder {options.folder} is there already: give a new one")
    with TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary) / "scale").resolve()
        if options.again:
            grown = scale.again(Path.cwd(), folder, options.times, options.again, options.runs)
        else:
            grown = scale.measure(Path.cwd(), folder, options.times)
    workers = os.environ.get("VAD_WORKERS", scale.ALONE["VAD_WORKERS"])
    machine = f"{workers} of {stage.workers()} cores"
    print(f"{grown[0].frames} stored frames; {machine}; CPU seconds, starting included; peaks of fresh processes")
    print(scale.table(grown))
    print(scale.started(grown))
    missed = [own.name for own in grown if not own.met]
    print(f"bars: exponents of time {scale.BARS['time']} and of peak memory {scale.BARS['memory']} at most; ", end="")
    print(f"missed by {', '.join(missed)}" if missed else "kept by every stage")
    if options.json:
        rows = {own.name: own.row() for own in grown}
        if options.again and options.json.exists():
            rows = json.loads(options.json.read_text())["rows"] | rows
        artifacts.save_json(options.json, {"machine": machine, "times": list(options.times), "rows": rows})


if __name__ == "__main__":
    stage.run(main, alone=False)
