"""How time and memory grow with the data: ``python -m stages.benchmark_scale [--times 1 4 16] [--json FILE]``.

Renders campus-sim in a small size, then so many times as large, and runs every stage of dvc.yaml on each, in fresh
processes. ``--times 1 3 9`` takes about half as long as the default.
"""

import argparse
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
    options = parser.parse_args()
    small, middle, large = options.times
    if not 0 < small < middle < large or middle * middle != small * large:
        raise UserError("--times: three sizes, each the same factor larger than the one before, as 1 4 16")
    if options.folder and options.folder.exists():
        raise UserError(f"--folder {options.folder} is there already: give a new one")
    with TemporaryDirectory() as temporary:
        grown = scale.measure(Path.cwd(), (options.folder or Path(temporary) / "scale").resolve(), options.times)
    machine = f"{stage.workers()} workers"
    print(f"{grown[0].frames} stored frames; {machine}; CPU seconds, starting included; peaks of fresh processes")
    print(scale.table(grown))
    print(scale.started(grown))
    missed = [own.name for own in grown if not own.met]
    print(f"bars: exponents of time {scale.BARS['time']} and of peak memory {scale.BARS['memory']} at most; ", end="")
    print(f"missed by {', '.join(missed)}" if missed else "kept by every stage")
    if options.json:
        rows = {own.name: own.row() for own in grown}
        artifacts.save_json(options.json, {"machine": machine, "times": list(options.times), "rows": rows})


if __name__ == "__main__":
    stage.run(main, alone=False)
