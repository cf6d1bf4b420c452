"""Normal video on which a false-alarm budget is checked: rendered or dealt, scored as a live camera would."""

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from vad.data import weak_runs
from vad.data.frames import Clip
from vad.detectors import motion, tracks
from vad.metrics.alarms import Footage, spans
from vad.pipeline import params, stage
from vad.pipeline.errors import UserError
from vad.post_processing import budget, temporal
from vad.simulation import simulate

DETECTORS = {"motion": motion, "tracks": tracks}
CLIP_FRAMES, FPS = 720, 24  # rendered clips of 30 s: more than a block, so that a clip's blocks may be alike
SIZE = (320, 180)


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
