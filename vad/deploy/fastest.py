"""Which engine runs a bundle fastest on this machine: all its detectors on the frames of one clip, by each."""

import time

import numpy as np

from vad.data.frames import Clip
from vad.deploy.bundle import Engine, FittedBundle
from vad.features import engines
from vad.perception.feeding import camera_of
from vad.pipeline.errors import UserError

FRAMES = 80  # of the clip at most: some detectors run their network for many frames at once
ROUNDS = 3


def times(made: FittedBundle, clip: Clip) -> dict[Engine, float]:
    """Engine -> milliseconds by the wall that a frame of ``clip`` takes, the best of some rounds; fastest first.

    Engines take turns, so that other load on the machine does not favour one of them. Those that are not installed, or
    cannot run the bundle's graphs, are left out.
    """
    images = [clip.read(int(frame)) for frame in clip.stored[:FRAMES]]
    settings = made.settings
    by: dict[Engine, FittedBundle] = {
        engine: FittedBundle(made.folder, settings.model_copy(update={"engine": engine}))
        for engine in engines.ENGINES
        if not (engine == "torch" and settings.precision == "int8")
    }
    best: dict[Engine, float] = {}
    for _ in range(ROUNDS):
        for engine, own in by.items():
            try:
                scorer = own.open(camera_of(clip))
            except UserError:
                continue
            started = time.perf_counter()
            for at, image in enumerate(images):
                scorer.push(image, at / clip.fps)
            scorer.close()
            taken = 1000 * (time.perf_counter() - started) / len(images)
            best[engine] = min(best.get(engine, np.inf), taken)
    return dict(sorted(best.items(), key=lambda item: item[1]))
