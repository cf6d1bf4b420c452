"""Clips of campus-sim that are known by one label each: something abnormal happens in them, or nothing does.

    weak/SS_9NNN/00000.jpg ... 00008.jpg 00040.jpg ...   frames, named by their number in the clip
    weak_labels.csv                                  clip, label (1: an anomaly is seen in one of these frames)

Runs of frames are drawn (``vad.data.weak_runs``), long enough for motion to be averaged as elsewhere; the rest of a
clip is never rendered. People, events and light come from random streams of their own: no clip of another part changes.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vad.data.weak_runs import Params as Runs
from vad.simulation.clip import Plan, render
from vad.simulation.events import EVENTS
from vad.simulation.video import transcoded

FOLDER, LABELS = "weak", "weak_labels.csv"
FIRST_NUMBER = 9001  # of a scene's clips: no test clip is called so
STREAM = 2  # of random numbers; training clips draw from 0, test clips from 1
WHEN = (0.1, 0.75)  # when an event begins, as shares of the clip


def plan(params, runs: Runs, seed: int) -> list[Plan]:
    """``params.weak_clips`` clips, every other one with one event; scenes and event types take turns.

    Args:
        params: ``vad.simulation.simulate.Params``; runs: which frames of a clip are drawn.
    """
    kinds, plans = list(EVENTS), []
    drawn = runs.frames(params.weak_frames)
    for index in range(params.weak_clips):
        pair = index // 2  # a clip with an event and one without, of the same scene
        scene, key = pair % params.scenes, (seed, STREAM, index)
        name = f"{scene + 1:02d}_{FIRST_NUMBER + 2 * (pair // params.scenes) + index % 2}"
        events: tuple[tuple[str, int], ...] = ()
        if index % 2 == 0:
            rng = np.random.default_rng(np.random.SeedSequence([*key, 3]))
            kind = kinds[(pair + pair // len(kinds)) % len(kinds)]
            events = ((kind, int(rng.uniform(*WHEN) * params.weak_frames)),)
        size = (params.width, params.height)
        plans.append(Plan(name, scene, "weak", key, size, params.weak_frames, events, drawn))
    return plans


def write(item: Plan, folder: Path) -> tuple[str, int]:
    """Render one clip below ``folder`` and return its row of the labels."""
    assert item.drawn is not None, "a weak clip is drawn in part"
    seen = []

    def images() -> Iterator[np.ndarray]:
        for image, owner in render(item):
            seen.append(owner.any())
            yield image

    frames = folder / FOLDER / item.name
    frames.mkdir(parents=True)
    for number, jpeg in zip(item.drawn, transcoded(images(), item.size), strict=True):
        (frames / f"{number:05d}.jpg").write_bytes(jpeg)
    return item.name, int(any(seen))
