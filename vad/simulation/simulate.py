"""campus-sim: surveillance video rendered from a seed, in ShanghaiTech Campus' own folders and formats.

    training/videos/SS_NNN.avi               normal clips, MPEG-4 (SS: scene)
    testing/frames/SS_NNNN/000.jpg ...       test clips, normal and abnormal stretches, through the same codec
    testing/test_frame_mask/SS_NNNN.npy      (T,) uint8, 1 where an anomaly is seen
    testing/test_pixel_mask/SS_NNNN.npy      (T, H, W) uint8, 1 on the seen pixels of what is abnormal
    events.csv                               clip, first_frame, last_frame (inclusive, 0-based), type

The same seed and parameters give the same bytes, whatever the number of worker processes.
"""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pydantic
from tqdm import tqdm

from vad.pipeline import artifacts, processes
from vad.pipeline.params import Section
from vad.simulation.actors import FPS
from vad.simulation.clip import Plan, render
from vad.simulation.events import EVENTS
from vad.simulation.scenes import LAYOUTS

log = logging.getLogger(__name__)

JPEG_QUALITY = 88
# When events begin, as shares of a clip: what rests stays to the end, and about half of the frames shall be normal.
ONE_EVENT = (0.5, 0.75)
TWO_EVENTS = ((0.35, 0.45), (0.65, 0.75))
_QUANTISER = 3  # MPEG-4's, 1 (finest) to 31


class Params(Section):
    """What is rendered; the seed is the project's own."""

    train_clips: int = pydantic.Field(ge=1, le=330)
    test_clips: int = pydantic.Field(ge=1, le=107)
    frames: int = pydantic.Field(ge=48, le=2000)
    width: int = pydantic.Field(ge=160, le=856, multiple_of=2)
    height: int = pydantic.Field(ge=90, le=480, multiple_of=2)
    scenes: int = pydantic.Field(ge=1, le=len(LAYOUTS))


def simulate(root: Path | str, params: Params, seed: int, workers: int) -> int:
    """Render the data set at ``root``, replacing what is there, and return the number of frames.

    Args:
        root: the folder to write; it appears when everything in it is complete.
        workers: processes that render; the bytes do not depend on it.
    """
    plans = plan(params, seed)
    with artifacts.replacing(root) as folder:
        for part in ("training/videos", "testing/frames", "testing/test_frame_mask", "testing/test_pixel_mask"):
            (folder / part).mkdir(parents=True)
        with processes.pool(min(workers, len(plans))) as pool:
            jobs = [pool.submit(_write, item, folder) for item in plans]
            rows = [row for job in tqdm(jobs, desc="simulate", unit="clip") for row in job.result()]
        table = pd.DataFrame(rows, columns=["clip", "first_frame", "last_frame", "type"])
        table.sort_values(["clip", "first_frame", "type"]).to_csv(folder / "events.csv", index=False)
    return params.frames * len(plans)


def plan(params: Params, seed: int) -> list[Plan]:
    """The clips, training first: each has a scene, a random seed of its own and, in test, one or two events.

    Event types take turns, so that any 8 consecutive test clips have them all and each meets more than one scene.
    """
    kinds, size = list(EVENTS), (params.width, params.height)
    plans, numbers = [], {}
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
    buffer = io.BytesIO()

    def images() -> Iterator[np.ndarray]:
        for frame, (image, owner) in enumerate(render(item)):
            owners[frame] = owner
            yield image

    encode(buffer, images(), item.size)
    frames = folder / "testing" / "frames" / item.name
    frames.mkdir()
    buffer.seek(0)
    with av.open(buffer) as container:
        for number, frame in enumerate(container.decode(video=0)):
            _, jpeg = cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            (frames / f"{number:03d}.jpg").write_bytes(jpeg.tobytes())
    np.save(folder / "testing" / "test_pixel_mask" / f"{item.name}.npy", (owners > 0).astype(np.uint8))
    labels = (owners > 0).any(axis=(1, 2)).astype(np.uint8)
    np.save(folder / "testing" / "test_frame_mask" / f"{item.name}.npy", labels)
    return [
        (item.name, first, last, kind)
        for number, (kind, _) in enumerate(item.events, start=1)
        for first, last in intervals((owners == number).any(axis=(1, 2)))
    ]


def intervals(active: np.ndarray) -> list[tuple[int, int]]:
    """(T,) bool -> inclusive (first, last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def encode(file: io.IOBase, images: Iterator[np.ndarray], size: tuple[int, int]) -> None:
    """Write (H, W, 3) BGR images to ``file`` as MPEG-4 in AVI, 24 frames per second, the same bytes on every run."""
    with av.open(file, "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        quantiser = str(_QUANTISER)
        stream.codec_context.options = {"flags": "+bitexact", "qmin": quantiser, "qmax": quantiser, "b": "20000000"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
