"""What a run takes on disk, and what more data would: ``python -m stages.benchmark_disk --frames 317398 --test 40791``.

Unless said otherwise for as much as ShanghaiTech Campus: 437 clips of 13 scenes.
"""

import argparse
from pathlib import Path

from vad.benchmark import disk
from vad.pipeline import stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="the run that is measured")
    parser.add_argument("--frames", type=int, default=317_398, help="stored frames then")
    parser.add_argument("--test", type=int, default=40_791, help="test frames among them")
    parser.add_argument("--calibration", type=int, default=15_000, help="held-out normal frames that are scored")
    parser.add_argument("--scenes", type=int, default=13)
    options = parser.parse_args()
    wanted = disk.Amount(options.frames, options.test, options.test + options.calibration, options.scenes)
    print(disk.table(disk.parts(options.data, wanted)))


if __name__ == "__main__":
    stage.run(main, alone=False)
