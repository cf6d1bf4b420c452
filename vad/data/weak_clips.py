"""Training clips with one label each: ``weak_labels.csv`` (clip,label) and the clips in the folder ``weak``.

A clip is a video, or a folder of pictures named by their frame numbers, of which there may be gaps. Of either, runs of
consecutive frames are stored, one every ``STRIDE`` frames: motion is averaged within a run, and the whole video
need not be kept. Every stored frame carries its clip's label: what happens when is not known.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from vad.data import decoding, weak_labels
from vad.data.clips import raw_clip
from vad.data.frames import ClipWriter
from vad.data.listing import folders_in, pictures_in, videos_in
from vad.data.packing import FALLBACK_FPS, Params, stored_size
from vad.data.pictures import Picture, read_picture
from vad.pipeline import stage
from vad.pipeline.errors import UserError

FOLDER = "weak"
STRIDE, RUN = 40, 9  # of videos: frames from run to run, and of each run
FPS_OF_PICTURES = 24.0  # as the layouts of folders have it


@dataclass(frozen=True)
class WeakClip:
    """One clip on disk: its label, and the camera that its name or the default gives."""

    name: str
    scene: str
    pixels: Path
    label: int


def find(root: Path) -> list[WeakClip]:
    """The weakly labelled clips of a data set, in name order; none where it has no ``weak_labels.csv``.

    Raises:
        UserError: a clip of the list is not there, or one that is there has no label.
    """
    file = root / weak_labels.CSV
    if not file.exists():
        return []
    labels = weak_labels.read_csv(file)
    there = {path.stem: path for path in videos_in(root / FOLDER)}
    there |= {path.name: path for path in folders_in(root / FOLDER)}
    wanted = {Path(clip).stem: label for clip, label in labels.items()}
    if missing := sorted(wanted.keys() - there.keys()):
        raise UserError(f"{file} names clip {missing[0]}, which is not in {root / FOLDER}")
    if unlabelled := sorted(there.keys() - wanted.keys()):
        raise UserError(f"{there[unlabelled[0]]} has no label: add a row to {file} (clip,label) or move it away")
    scenes = {name: raw_clip(name, "weak", there[name], None).scene for name in wanted}
    return [WeakClip(name, scenes[name], there[name], wanted[name]) for name in sorted(wanted)]


def add(root: Path, params: Params, frames_folder: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Pack a data set's weakly labelled clips and add them to its index and manifest.

    Raises:
        UserError: see :func:`find`; or another clip has the same name.
    """
    clips = find(root)
    taken = set(tables["manifest.csv"]["clip"])
    if double := [clip for clip in clips if clip.name in taken]:
        raise UserError(f"{double[0].pixels}: a training or test clip has that name too; rename one of them")
    with ThreadPoolExecutor(stage.workers()) as pool:
        packing = pool.map(lambda clip: pack(clip, params, frames_folder), clips)
        packed = list(tqdm(packing, total=len(clips), desc="weak clips", unit="clip", disable=not clips))
    for name, rows in (
        ("frames.parquet", [index for index, _ in packed]),
        ("manifest.csv", [pd.DataFrame([row]) for _, row in packed]),
    ):
        tables[name] = pd.concat([tables[name], *rows], ignore_index=True)


def pack(clip: WeakClip, params: Params, frames_folder: Path) -> tuple[pd.DataFrame, dict[str, object]]:
    """Write one clip's container below ``frames_folder``; its rows of the index, and its row of the manifest."""
    numbers: list[int] = []
    last, size, stored = 0, (0, 0), (0, 0)
    fps, pictures = _pictures(clip.pixels)
    with ClipWriter(frames_folder / f"{clip.name}.zip", params.jpeg_quality) as writer:
        for number, picture in pictures:
            last = number
            if picture is None:
                continue
            if not numbers:
                size = picture.size()
                stored = stored_size(*size, params.short_side, picture.aspect)
            if picture.jpeg is not None and size == stored:
                writer.add_jpeg(number, picture.jpeg)
            else:
                writer.add(number, cv2.resize(picture.pixels(), stored, interpolation=cv2.INTER_AREA))
            numbers.append(number)
    index = pd.DataFrame({"clip": clip.name, "frame": np.array(numbers, np.int64), "scene": clip.scene})
    index = index.assign(split="weak", label=np.int8(clip.label))
    return index, {
        "clip": clip.name, "scene": clip.scene, "split": "weak", "frames": last + 1, "fps": fps,
        "width": size[0], "height": size[1], "stored_width": stored[0], "stored_height": stored[1],
        "abnormal_frames": 0, "first_frame": 0, "source": clip.pixels.name,
    }  # fmt: skip


def _pictures(path: Path) -> tuple[float, Iterator[tuple[int, Picture | None]]]:
    """Frame rate, and (frame number, picture) of the frames to store; None for those that are passed over."""
    if not path.is_dir():
        footage = decoding.read_clip(path, None)
        every = enumerate(footage.pictures)
        return footage.fps or FALLBACK_FPS, ((n, one if n % STRIDE < RUN else None) for n, one in every)
    files = pictures_in(path)
    if not files or not all(file.stem.isdigit() for file in files):
        raise UserError(f"{path}: pictures of a weakly labelled clip are named by their frame number (00041.jpg)")
    return FPS_OF_PICTURES, ((int(file.stem), read_picture(file)) for file in files)
