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
from tqdm import tqdm

from vad.data import extraction, layouts, weak_runs
from vad.data.frames import Clip, FrameStore
from vad.detectors import motion, tracks
from vad.evaluation import splits
from vad.metrics.alarms import Footage, spans
from vad.pipeline import artifacts, params, stage
from vad.pipeline.errors import UserError
from vad.post_processing import budget, temporal, thresholds
from vad.simulation import simulate

DETECTORS = {"motion": motion, "tracks": tracks}
CLIP_FRAMES, FPS = 720, 24  # rendered clips of 30 s: more than a block, so that a clip's blocks may be alike
SIZE = (320, 180)
log = logging.getLogger(__name__)


def main() -> None:
    options = parse()
    store = FrameStore(options.work / "store")
    if not (store.folder / "manifest.csv").exists():
        root = options.root or render(options.work / "campus-sim", options.minutes)
        settings = params.section("extract_frames", extraction.Params)
        data = params.section("data", layouts.Params)
        data = data.model_copy(update={"root": str(root), "layout": "auto", "fps": options.fps})
        runs = params.section("weak_clips", weak_runs.Params)
        extraction.extract(data, settings, store.folder, runs)
    fitting, held_out = deal(store.clips("train"), options.share)
    rows = scored(options.detector, fitting, held_out)
    fps = {clip.name: clip.fps for clip in held_out}
    limits = params.section("thresholds", thresholds.Params)
    blocks = budget.cut(rows, fps, "live", limits.block_seconds)
    table = splits.repeated(blocks, options.budgets, options.splits, confidence=0.95, seed=0)
    for row in table:
        row["alarms_per_block"] = alarms_per_block(rows, fps, blocks, row["alarms_per_hour"], limits.merge_seconds)
    report(blocks, table, options)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="data set; its normal training clips are taken")
    parser.add_argument("--fps", type=float, help="frames per second, where the data set does not say")
    parser.add_argument("--minutes", type=float, default=30, help="of held-out video to render without --root")
    parser.add_argument("--detector", choices=DETECTORS, default="motion")
    parser.add_argument("--share", type=float, default=1 / 6, help="of the clips, that the detector is fitted on")
    parser.add_argument("--budgets", type=float, nargs="+", default=[6, 12, 30, 60, 90], help="false alarms per hour")
    parser.add_argument("--splits", type=int, default=500)
    parser.add_argument(
        "--work", type=Path, default=Path("data/check_budget"), help="video and frames, kept and reused"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table here")
    return parser.parse_args()


def render(root: Path, minutes: float) -> Path:
    """Normal video of all four scenes of campus-sim, a sixth of it to fit on, ``minutes`` to hold out."""
    held_out = int(np.ceil(minutes * 60 * FPS / CLIP_FRAMES))
    clips = held_out + int(np.ceil(held_out / 5))
    if clips > 330:
        raise UserError(f"--minutes {minutes:g}: at most 137 minutes can be rendered")
    size = {"width": SIZE[0], "height": SIZE[1]}
    no_weak = {"weak_clips": 0, "weak_frames": 48}
    wanted = simulate.Params(train_clips=clips, test_clips=1, frames=CLIP_FRAMES, scenes=4, **size, **no_weak)
    runs = params.section("weak_clips", weak_runs.Params)
    if not root.exists():
        simulate.simulate(root, wanted, runs, params.common().seed, stage.workers())
    return root


def deal(clips: list[Clip], share: float) -> tuple[list[Clip], list[Clip]]:
    """Clips to fit on, ``share`` of each scene's and at least one, and the others."""
    rng = np.random.default_rng(params.common().seed)
    fitting: list[str] = []
    for scene in sorted({clip.scene for clip in clips}):
        own = rng.permutation([clip.name for clip in clips if clip.scene == scene])
        fitting += own[: max(1, round(share * len(own)))].tolist()
    held_out = [clip for clip in clips if clip.name not in fitting]
    if len(held_out) < 4:
        raise UserError(f"{len(held_out)} clips are left to hold out: at least 4 are needed; lower --share")
    return [clip for clip in clips if clip.name in fitting], held_out


def scored(name: str, fitting: list[Clip], held_out: list[Clip]) -> pd.DataFrame:
    """clip, frame and ``live``, the causal scores, of the held-out clips."""
    module = DETECTORS[name]
    section, smoothing = params.section(name, module.Params), params.section("temporal", temporal.Params)
    detector = module.Detector(module.fit(fitting, section, params.common().seed), section)
    parts = []
    for clip in tqdm(held_out, desc=f"score {name}", unit="clip"):
        scores = detector.live(clip) if hasattr(detector, "live") else detector.score(clip)[0]
        live = temporal.causal(scores, clip.frames, clip.fps, smoothing)
        parts.append(pd.DataFrame({"clip": clip.name, "frame": clip.frames, "live": live}))
    return pd.concat(parts, ignore_index=True)


def alarms_per_block(
    rows: pd.DataFrame, fps: dict[str, float], blocks: budget.Blocks, wanted: float, merge_seconds: float
) -> float:
    """How many alarms an operator gets in a block that is in alarm, at the budget's threshold on all of the video."""
    threshold = budget.within(blocks, wanted).threshold
    footage = Footage.of(rows, fps)
    alarms = len(spans(rows["live"].to_numpy() >= threshold, footage, merge_seconds)[0])
    return alarms / max(1, int((blocks.highest >= threshold).sum()))


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
