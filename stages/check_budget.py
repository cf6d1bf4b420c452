"""Whether the false-alarm budget holds: ``python -m stages.check_budget [--root FOLDER] [--json FILE]``.

Without ``--root`` normal video of campus-sim is rendered for it, else the training clips of that data set are taken. A
detector is fitted on a few of the clips and scores the others, as a live camera would (causal smoothing); of these, a
random half promises each budget and the other half shows what came, over and over.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from vad.benchmark import held_out
from vad.data import extraction, layouts, weak_runs
from vad.data.frames import FrameStore
from vad.evaluation import splits
from vad.pipeline import artifacts, params, stage
from vad.post_processing import budget, thresholds

log = logging.getLogger(__name__)


def main() -> None:
    options = parse()
    store = FrameStore(options.work / "store")
    if not (store.folder / "manifest.csv").exists():
        root = options.root or held_out.render(options.work / "campus-sim", options.minutes)
        settings = params.section("extract_frames", extraction.Params)
        data = params.section("data", layouts.Params)
        data = data.model_copy(update={"root": str(root), "layout": "auto", "fps": options.fps})
        runs = params.section("weak_clips", weak_runs.Params)
        extraction.extract(data, settings, store.folder, runs)
    fitting, others = held_out.deal(store.clips("train"), options.share)
    rows = held_out.scored(options.detector, fitting, others)
    fps = {clip.name: clip.fps for clip in others}
    limits = params.section("thresholds", thresholds.Params)
    blocks = budget.cut(rows, fps, "live", limits.block_seconds)
    table = splits.repeated(blocks, options.budgets, options.splits, confidence=0.95, seed=0)
    for row in table:
        row["alarms_per_block"] = held_out.alarms_per_block(
            rows, fps, blocks, row["alarms_per_hour"], limits.merge_seconds
        )
    report(blocks, table, options)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="data set; its normal training clips are taken")
    parser.add_argument("--fps", type=float, help="frames per second, where the data set does not say")
    parser.add_argument("--minutes", type=float, default=30, help="of held-out video to render without --root")
    parser.add_argument("--detector", choices=held_out.DETECTORS, default="motion")
    parser.add_argument("--share", type=float, default=1 / 6, help="of the clips, that the detector is fitted on")
    parser.add_argument("--budgets", type=float, nargs="+", default=[6, 12, 30, 60, 90], help="false alarms per hour")
    parser.add_argument("--splits", type=int, default=500)
    parser.add_argument(
        "--work", type=Path, default=Path("data/check_budget"), help="video and frames, kept and reused"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table here")
    return parser.parse_args()


def report(blocks: budget.Blocks, table: list[dict], options: argparse.Namespace) -> None:
    minutes, clips = 60 * blocks.hours, len(np.unique(blocks.clips.astype(str)))
    print(f"{options.detector}: {minutes:.1f} minutes of held-out normal video, {clips} clips, {len(blocks)} blocks")
    print(pd.DataFrame(table).round(3).to_string(index=False))
    if options.json:
        root = Path(options.root).name if options.root else "campus-sim"
        about = {"rows": "false alarms per hour", "data": root, "detector": options.detector, "splits": options.splits}
        about |= {"minutes": minutes, "clips": clips, "blocks": len(blocks)}
        rows = {f"{row['alarms_per_hour']:g}": row for row in table}
        artifacts.save_json(options.json, {**rows, "run": about})


if __name__ == "__main__":
    stage.run(main)
