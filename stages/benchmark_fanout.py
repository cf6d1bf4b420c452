"""What a cluster would bring: ``python -m stages.benchmark_fanout [--detectors padim motion] [--json FILE]``.

Measures here, on a run's clips and fitted models, how long each clip takes to score and what the scheduler costs per
clip; then deals clips to 10 and 100 simulated nodes like this machine.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from vad.benchmark import fanout
from vad.pipeline import artifacts, stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detectors", nargs="+", default=["motion", "padim"])
    parser.add_argument("--clips", type=int, nargs="+", default=[437, 10_000], help="of the simulated data set")
    parser.add_argument("--nodes", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--measured", type=int, default=20, help="clips that are scored to know how long they take")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    options = parser.parse_args()
    per_clip = fanout.overhead(nodes=3, clips=300)
    print(f"fan-out's own cost: {1000 * per_clip:.1f} ms a clip (300 clips without work, 3 nodes on this machine)")
    rows, about = [], {}
    for name in options.detectors:
        seconds, starting = fanout.seconds_per_clip(name, options.measured)
        about[name] = {"seconds_per_clip": float(np.mean(seconds)), "starting": starting, "clips": len(seconds)}
        print(f"{name}: {np.mean(seconds):.2f} s a clip ({len(seconds)} measured), {starting:.1f} s until the first")
        for clips in options.clips:
            for nodes in options.nodes:
                found = fanout.simulated(seconds, clips, nodes, per_clip, starting)
                rows.append({"detector": name, "clips": clips, "nodes": nodes, **found})
    print(pd.DataFrame(rows).round(2).to_string(index=False))
    if options.json:
        table = {f"{row['detector']} {row['clips']} {row['nodes']}": row for row in rows}
        artifacts.save_json(options.json, {"overhead_seconds": per_clip, "measured": about, "rows": table})


if __name__ == "__main__":
    stage.run(main, alone=False)
