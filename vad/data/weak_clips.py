"""Clips with one label each, packed into the frame store: runs of their frames, each with its clip's label.

What happens when in such a clip is not known, so that every stored frame carries the one label. A folder of pictures
named by their frame numbers is stored as it is; of a video, the runs that ``vad.data.weak_runs`` keeps.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pandas as pd

from vad.data import decoding, remote, weak_folder
from vad.data.clips import RawClip
from vad.data.frames import ClipWriter
from vad.data.listing import pictures_in
from vad.data.packing import FALLBACK_FPS, Params, interrupted, stored_size
from vad.data.pictures import Picture, read_picture
from vad.data.weak_runs import Params as Runs
from vad.pipeline.clip_cache import content
from vad.pipeline.errors import UserError
from vad.pipeline.executor import map_clips


def add(
    root: Path,
    clips: Sequence[RawClip],
    params: Params,
    runs: Runs | None,
    frames_folder: Path,
    tables: dict[str, pd.DataFrame],
) -> None:
    """Pack a data set's weakly labelled clips and add them to its index and manifest.

    Raises:
        UserError: see :func:`vad.data.weak_folder.labels`; or a clip differs in size from its camera's others.
    """
    labels = weak_folder.labels(root, clips)
    work = Packing(labels, params, runs)
    packed = map_clips(work, clips, {"frames": frames_folder}, desc="weak clips", local="threads")
    for clip, (_, row) in zip(clips, packed, strict=True):
        row["source"] = clip.source.relative_to(root / weak_folder.FOLDER).as_posix()
    for name, rows in (
        ("frames.parquet", [index for index, _ in packed]),
        ("manifest.csv", [pd.DataFrame([row]) for _, row in packed]),
    ):
        tables[name] = pd.concat([tables[name], *rows], ignore_index=True)
    _check_sizes(tables["manifest.csv"], {clip.name: clip.source for clip in clips})


def _check_sizes(manifest: pd.DataFrame, sources: dict[str, Path]) -> None:
    """Refuse a weakly labelled clip that is not of the size of its camera's other clips."""
    first = manifest.drop_duplicates("scene").set_index("scene")
    for row in manifest[manifest["clip"].isin(list(sources))].itertuples():
        own, other = (row.stored_width, row.stored_height), first.loc[row.scene, ["stored_width", "stored_height"]]
        if own != tuple(other):
            raise UserError(
                f"{sources[str(row.clip)]} is stored as {own} but clip {first.loc[row.scene, 'clip']} of the same "
                f"camera as {tuple(map(int, other))} (width, height): put the clips of each camera into a folder of "
                "its own or name cameras in clips.csv (data/README.md)"
            )


@dataclass(frozen=True)
class Packing:
    """:func:`pack` as a work of ``vad.pipeline.executor``, into the folder ``frames``; labels by the clip's stem."""

    labels: Mapping[str, int]
    params: Params
    runs: Runs | None
    code: ClassVar[tuple[str, ...]] = ()

    def key(self, clip: RawClip) -> str:
        """The clip's files, its names, its label, and the parameters."""
        about = (clip.name, clip.scene, clip.fps, clip.source.suffix, self.labels[clip.stem])
        return repr((content(clip.source), about, self.params, self.runs))

    def __call__(self, clip: RawClip, folder: Path) -> tuple[pd.DataFrame, dict[str, object]]:
        """Its rows of the index, and its row of the manifest."""
        with remote.fetched(clip.pixels) as pixels:
            here = replace(clip, pixels=pixels)
            return pack(here, self.labels[clip.stem], self.params, self.runs, folder / "frames")


def pack(
    clip: RawClip, label: int, params: Params, runs: Runs | None, frames_folder: Path
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Write one clip's container below ``frames_folder``; its rows of the index, and its row of the
    manifest but where it came from.

    Raises:
        UserError: it cannot be read, holds no frame, or its pictures differ in size.
    """
    numbers: list[int] = []
    last, size, stored = 0, (0, 0), (0, 0)
    fps, pictures = _pictures(clip, runs)
    with ClipWriter(frames_folder / f"{clip.name}.zip", params.jpeg_quality) as writer:
        for number, picture in pictures:
            last = number
            if picture is None:
                continue
            if not numbers:
                size = picture.size()
                stored = stored_size(*size, params.short_side, picture.aspect)
            if picture.size() != size:
                raise UserError(
                    f"{picture.source}: frame {number} is {picture.size()} but the clip began with {size} "
                    "(width, height): make them equal"
                )
            if picture.jpeg is not None and size == stored:
                writer.add_jpeg(number, picture.jpeg)
            else:
                writer.add(number, cv2.resize(picture.pixels(), stored, interpolation=cv2.INTER_AREA))
            numbers.append(number)
    index = pd.DataFrame({"clip": clip.name, "frame": np.array(numbers, np.int64), "scene": clip.scene})
    index = index.assign(split="weak", label=np.int8(label))
    return index, {
        "clip": clip.name, "scene": clip.scene, "split": "weak", "frames": last + 1, "fps": fps,
        "width": size[0], "height": size[1], "stored_width": stored[0], "stored_height": stored[1],
        "abnormal_frames": 0, "first_frame": 0,
    }  # fmt: skip


def _pictures(clip: RawClip, runs: Runs | None) -> tuple[float, Iterator[tuple[int, Picture | None]]]:
    """Frame rate, and (frame number, picture) of the frames to store; None for those that are passed over."""
    path = clip.source
    if not path.is_dir():
        assert runs is not None, "which frames of a weakly labelled video are kept is not known"
        footage = decoding.read_clip(path, clip.fps)
        return footage.fps or FALLBACK_FPS, _in_runs(footage, runs)
    files = pictures_in(path)
    if not all(file.stem.isdigit() for file in files):
        raise UserError(f"{path}: pictures of a weakly labelled clip are named by their frame number (00041.jpg)")
    return clip.fps or FALLBACK_FPS, ((int(file.stem), read_picture(file)) for file in files)


def _in_runs(footage: decoding.Footage, runs: Runs) -> Iterator[tuple[int, Picture | None]]:
    """(frame number, picture) of a video, None for those outside of runs; a run ends where the recording was broken."""
    before, broken = None, -1
    for number, picture in enumerate(footage.pictures):
        if interrupted(before, picture.seconds, footage.gap):
            broken = number // runs.stride
        before = picture.seconds
        yield number, picture if runs.kept(number) and broken != number // runs.stride else None
