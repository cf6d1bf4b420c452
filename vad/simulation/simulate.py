"""campus-sim: surveillance video rendered from a seed, in ShanghaiTech Campus' own folders and formats.

    training/videos/SS_NNN.avi               normal clips, MPEG-4 (SS: scene)
    testing/frames/SS_NNNN/000.jpg ...       test clips, normal and abnormal stretches, through the same codec
    testing/test_frame_mask/SS_NNNN.npy      (T,) uint8, 1 where an anomaly is seen
    testing/test_pixel_mask/SS_NNNN.npy      (T, H, W) uint8, 1 on the seen pixels of what is abnormal
    events.csv                               clip, first_frame, last_frame (inclusive, 0-based), type
    weak/, weak_labels.csv                   clips with one label each (vad.simulation.weak_clips)

The same seed and parameters give the same bytes, whatever the number of worker processes.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pydantic
from tqdm import tqdm

from vad.data import weak_runs
from vad.data.intervals import stretches
from vad.pipeline import artifacts, processes
from vad.pipeline.params import Section
from vad.simulation import weak_clips
from vad.simulation.clip import Plan, render
from vad.simulation.events import EVENTS
from vad.simulation.scenes import LAYOUTS
from vad.simulation.video import encode, transcoded

log = logging.getLogger(__name__)

# When events begin, as shares of a clip: what rests stays to the end, and about half of the frames shall be normal.
ONE_EVENT = (0.5, 0.75)
TWO_EVENTS = ((0.35, 0.45), (0.65, 0.75))


class Params(Section):
    """What is rendered; the seed is the project's own."""

    train_clips: int = pydantic.Field(ge=1, le=330)
    test_clips: int = pydantic.Field(ge=1, le=107)
    frames: int = pydantic.Field(ge=48, le=2000)
    width: int = pydantic.Field(ge=160, le=856, multiple_of=2)
    height: int = pydantic.Field(ge=90, le=480, multiple_of=2)
    scenes: int = pydantic.Field(ge=1, le=len(LAYOUTS))
    weak_clips: int = pydantic.Field(ge=0, le=900)
    weak_frames: int = pydantic.Field(ge=48, le=2000)


def simulate(root: Path | str, params: Params, runs: weak_runs.Params, seed: int, workers: int) -> int:
    """Render the data set at ``root``, replacing what is there, and return the number of frames.

    Args:
        root: the folder to write; it appears when everything in it is complete.
        runs: which frames of a clip with one label are drawn.
        workers: processes that render; the bytes do not depend on it.
    """
    plans, weak = plan(params, seed), weak_clips.plan(params, runs, seed)
    with artifacts.replacing(root) as folder:
        for part in ("training/videos", "testing/frames", "testing/test_frame_mask", "testing/test_pixel_mask"):
            (folder / part).mkdir(parents=True)
        with processes.pool(min(workers, len(plans))) as pool:
            jobs = [pool.submit(_write, item, folder) for item in plans]
            weak_jobs = [pool.submit(weak_clips.write, item, folder) for item in weak]
            rows = [row for job in tqdm(jobs, desc="simulate", unit="clip") for row in job.result()]
            labels = [job.result() for job in tqdm(weak_jobs, desc="weak clips", unit="clip", disable=not weak)]
        table = pd.DataFrame(rows, columns=["clip", "first_frame", "last_frame", "type"])
        table.sort_values(["clip", "first_frame", "type"]).to_csv(folder / "events.csv", index=False)
        if weak:
            pd.DataFrame(labels, columns=["clip", "label"]).to_csv(folder / "weak_labels.csv", index=False)
    return params.frames * len(plans) + sum(len(item.drawn or ()) for item in weak)


def plan(params: Params, seed: int) -> list[Plan]:
    """The clips, training first: each has a scene, a random seed of its own and, in test, one or two events.

    Event types take turns, so that any 8 consecutive test clips have them all and each meets more than one scene.
    """
    kinds, size = list(EVENTS), (params.width, params.height)
    plans: list[Plan] = []
    numbers: dict[tuple[str, int], int] = {}
    for split, count in (("train", params.train_clips), ("test", params.test_clips)):
        for index in range(count):
            scene = index % params.scenes
            number = numbers[split, scene] = numbers.get((split, scene), 0) + 1
            name = f"{scene + 1:02d}_{number:0{3 if split == 'train' else 4}d}"
            key = (seed, 0 if split == "train" else 1, index)
            events = _events(index, kinds, params.frames, key) if split == "test" else ()
            plans.append(Plan(name, scene, split, key, size, params.frames, events))
    return plans


def _events(index: int, kinds: list[str], frames: int, key: tuple[int, ...]) -> tuple[tuple[str, int], ...]:
    rng = np.random.default_rng(np.random.SeedSequence([*key, 3]))
    first = (index + index // len(kinds)) % len(kinds)
    if index % 4 == 3:
        pair = (kinds[first], kinds[(first + 3) % len(kinds)])
        return tuple((kind, int(rng.uniform(*when) * frames)) for kind, when in zip(pair, TWO_EVENTS, strict=True))
    return ((kinds[first], int(rng.uniform(*ONE_EVENT) * frames)),)


def _write(item: Plan, folder: Path) -> list[tuple[str, int, int, str]]:
    """Render one clip into ``folder`` and return its rows of events.csv."""
    if item.split == "train":
        video = (folder / "training" / "videos" / f"{item.name}.avi").open("wb")
        with video:
            encode(video, (image for image, _ in render(item)), item.size)
        return []
    owners = np.zeros((item.frames, *item.size[::-1]), np.uint8)

    def images() -> Iterator[np.ndarray]:
        for frame, (image, owner) in enumerate(render(item)):
            owners[frame] = owner
            yield image

    frames = folder / "testing" / "frames" / item.name
    frames.mkdir()
    for number, jpeg in enumerate(transcoded(images(), item.size)):
        (frames / f"{number:03d}.jpg").write_bytes(jpeg)
    np.save(folder / "testing" / "test_pixel_mask" / f"{item.name}.npy", (owners > 0).astype(np.uint8))
    labels = (owners > 0).any(axis=(1, 2)).astype(np.uint8)
    np.save(folder / "testing" / "test_frame_mask" / f"{item.name}.npy", labels)
    return [
        (item.name, first, end - 1, kind)
        for number, (kind, _) in enumerate(item.events, start=1)
        for first, end in stretches((owners == number).any(axis=(1, 2)))
    ]
