"""A bundle whose networks are rounded to int8: calibration frames for the graphs, and new held-out scores by them.

A detector that measures distances finds every frame further off once its network is rounded: calibrated by the scores
of the float32 network, all of video would be unusual. So what held-out normal video scores is asked of the rounded
graphs.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import numpy as np
import pandas as pd
from tqdm import tqdm

from vad.data.frames import Clip
from vad.deploy.bundle import FittedBundle
from vad.deploy.export import Looks
from vad.deploy.scorer import CameraScorer
from vad.deploy.stream import Scored
from vad.detectors import registry
from vad.features import quantising
from vad.perception.feeding import camera_of

CLIPS = 8  # that calibrate the graphs, evenly among those of normal video
FRAMES = 100  # of each, from its beginning
EVERY = 4  # so many-th of these goes through the networks
BATCH = 16  # inputs of a graph at once
MOST = 512  # inputs that calibrate a graph


def looking(made: FittedBundle) -> list[str]:
    """The bundle's detectors that look through a backbone, themselves or by embeddings."""
    declared = {name: registry.declared(name) for name in made.detectors}
    return [name for name, one in declared.items() if one.needs_backbone or "embeddings" in one.reads]


def quantise(made: FittedBundle, seen: Sequence[Looks], clips: Sequence[Clip]) -> None:
    """Round the graphs ``network<n>.onnx`` of ``made``, which runs by PyTorch as yet, to int8.

    Args:
        seen: what each of the graphs was exported from, see ``vad.deploy.export.looks``. clips: of normal video.
    """
    with ExitStack() as stack:
        inputs = [stack.enter_context(backbone.recorded()) for backbone, _, _ in seen]
        for clip in tqdm(spread(clips, CLIPS), desc="calibrate int8", unit="clip"):
            scorer = made.open(camera_of(clip), stride=EVERY, detectors=looking(made))
            for _ in _shown(scorer, clip, clip.stored[:FRAMES]):
                pass
    for number, own in enumerate(inputs):
        every = np.concatenate(own) if own else np.empty((0, 3, 1, 1), np.float32)
        every = every[:: -(-len(every) // MOST) or 1]
        batches = [every[start : start + BATCH] for start in range(0, len(every), BATCH)]
        quantising.quantise(made.folder / f"network{number}.onnx", batches)


def normal_scores(made: FittedBundle, clips: Sequence[Clip]) -> dict[str, pd.Series]:
    """As ``vad.deploy.export.normal_scores``, of the detectors that look through a network, as ``made`` runs it.

    Args:
        clips: the held-out ones, restricted to the frames that calibrate.
    """
    parts: dict[str, list[pd.Series]] = {name: [] for name in looking(made)}
    for clip in tqdm(clips if parts else [], desc="calibrate by int8", unit="clip"):
        scorer = made.open(camera_of(clip), stride=1, detectors=list(parts))
        first, last = np.searchsorted(clip.stored, clip.frames[[0, -1]])
        frames = clip.stored[first : last + scorer.latency + 1]
        wanted = np.isin(frames, clip.frames)
        scored = [one for one, own in zip(_shown(scorer, clip, frames), wanted, strict=True) if own]
        index = pd.MultiIndex.from_product([[clip.name], clip.frames], names=["clip", "frame"])
        for name, own in parts.items():
            own.append(pd.Series([one.readings[name].causal for one in scored], index))
    return {name: pd.concat(own) for name, own in parts.items()}


def _shown(scorer: CameraScorer, clip: Clip, frames: np.ndarray) -> Iterator[Scored]:
    for frame in frames:
        yield from scorer.push(clip.read(int(frame)), frame / clip.fps)
    yield from scorer.close()


def spread(clips: Sequence[Clip], most: int) -> list[Clip]:
    """At most so many of the clips, evenly among them."""
    rows = np.unique(np.linspace(0, len(clips) - 1, min(most, len(clips))).round().astype(int))
    return [clips[row] for row in rows]
