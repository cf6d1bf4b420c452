"""A data set on disk -> the frame store: every clip packed, in parallel, and the tables that describe them."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from vad.data import annotations, layouts, quality, remote, room, track_files, weak_clips, weak_runs
from vad.data.clips import RawClip
from vad.data.frames import DATA
from vad.data.packing import FALLBACK_FPS, Extracted, Job, Packing, Params, Part, annotate
from vad.data.tables import Names
from vad.data.track_extent import picture_size
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.pipeline.executor import map_clips

log = logging.getLogger(__name__)

QUALITY_COLUMNS = ["clip", "frame", "problem", "action"]


def extract(
    data: layouts.Params, params: Params, out: Path = DATA, runs: weak_runs.Params | None = None
) -> pd.DataFrame:
    """Fill the frame store in ``out`` from the data set at ``data.root``, which is only read.

    Writes frames/, masks/, frames.parquet, manifest.csv, tracks.parquet, events.csv and input_quality.csv.

    Args:
        runs: which frames of weakly labelled videos are kept; needed where there are such.

    Returns:
        The manifest.

    Raises:
        UserError: something is wrong with the data set; ``out`` is then as it was.
    """
    root = remote.mirror(data.root) if remote.is_address(data.root) else Path(data.root)
    out = Path(out)
    every = layouts.find_clips(root, data.layout, data.fps)
    clips, weak = ([clip for clip in every if (clip.split == "weak") is wanted] for wanted in (False, True))
    room.check(every, params, out, runs.run / runs.stride if runs else 1.0)
    with artifacts.replacing(out / "frames") as frames_folder, artifacts.replacing(out / "masks") as masks_folder:
        frames_folder.mkdir()
        masks_folder.mkdir()
        extracted = _extract_pixels(clips, params, frames_folder, masks_folder)
        extracted = sorted(
            extracted + _without_pixels(clips, extracted, params, masks_folder, data.size), key=lambda e: e.name
        )
        _check_part_names(extracted)
        tables = _tables(extracted, root, params)
        weak_clips.add(root, weak, params, runs, frames_folder, tables)
    for name, table in tables.items():
        artifacts.save_table(out / name, table)
    return tables["manifest.csv"]


# --- all clips ------------------------------------------------------------------------------------------------------


def _extract_pixels(
    clips: Sequence[RawClip], params: Params, frames_folder: Path, masks_folder: Path
) -> list[Extracted]:
    """Every clip by itself; then again the test clips that are upside down beside their scene's training clips."""
    seen = [clip for clip in clips if clip.pixels is not None]
    into = {"frames": frames_folder, "masks": masks_folder}

    def pack(work: Packing, wanted: Sequence[RawClip], desc: str) -> dict[str, list[Extracted]]:
        found = map_clips(work, wanted, into, desc=desc, local="processes")
        return {clip.name: [replace(part, clip=clip) for part in own] for clip, own in zip(wanted, found, strict=True)}

    packed = pack(Packing(params), seen, "clips")
    sizes: dict[str, Extracted] = {}
    backgrounds: dict[str, list[np.ndarray]] = defaultdict(list)
    for part in chain.from_iterable(packed.values()):
        _check_size(part, sizes)
        assert part.background is not None, f"{part.name} has no pixels"
        if part.clip.split == "train":
            backgrounds[part.clip.scene].append(part.background)
    known = {scene: tuple(own) for scene, own in backgrounds.items()}
    turned = [clip for clip in seen if clip.split == "test" and _upside_down(packed[clip.name], known)]
    packed |= pack(Packing(params, {clip.scene: known[clip.scene] for clip in turned}), turned, "turned clips")
    done = list(chain.from_iterable(packed.values()))
    for path, note in dict.fromkeys((item.clip.pixels, note) for item in done for note in item.notes):
        log.warning("%s: %s", path, note)
    return done


def _upside_down(parts: list[Extracted], backgrounds: Mapping[str, Sequence[np.ndarray]]) -> bool:
    """Whether the training clips of its scene say of a clip what it cannot say of itself."""
    known = backgrounds.get(parts[0].clip.scene, ())
    seen = [part.background for part in parts if part.background is not None]
    return any(quality.upright(background, known) is not background for background in seen)


def _check_size(new: Extracted, sizes: dict[str, Extracted]) -> None:
    """Refuse a scene whose pictures differ in size: its model of the background has one size."""
    old = sizes.setdefault(new.clip.scene, new)
    if old.stored_size != new.stored_size:
        raise UserError(
            f"{new.clip.pixels} is {new.size} but {old.clip.pixels} of the same camera is {old.size} (width, height): "
            "put the clips of each camera into a folder of its own or name cameras in clips.csv (data/README.md)"
        )


def _check_part_names(extracted: list[Extracted]) -> None:
    for before, after in pairwise(extracted):
        if before.name == after.name:
            raise UserError(f"{before.clip.pixels} and {after.clip.pixels} both make a clip {after.name}; rename one")


def _without_pixels(
    clips: Sequence[RawClip],
    extracted: list[Extracted],
    params: Params,
    masks: Path,
    wanted: Sequence[int] | None,
) -> list[Extracted]:
    """The clips that are known by their tracks alone, at the size of the scene's clips with pixels if it has any."""
    bare = [clip for clip in clips if clip.pixels is None]
    if not bare:
        return []
    _say_what_has_pixels(clips)
    boxes = {clip.name: track_files.read(clip.source) for clip in bare}
    sizes = {item.clip.scene: (item.size, item.stored_size) for item in reversed(extracted)}
    fallback = (extracted[0].size, extracted[0].stored_size) if extracted else None
    if fallback is None:
        size = (wanted[0], wanted[1]) if wanted else picture_size({clip.stem: boxes[clip.name] for clip in bare})
        log.info("pictures of %d x %d pixels are taken behind the tracks; data.size sets another", *size)
        fallback = (size, size)
    found = []
    for clip in bare:
        frames = _frames_from(clip, boxes[clip.name])
        if frames == 0:
            log.warning("%s is left out: it names no box, so not even the clip's length is known", clip.tracks)
            continue
        size, stored = sizes.get(clip.scene, fallback)
        labels = annotate(Job(clip, params, masks, masks), [Part(clip.name, 0, frames)], stored)
        found.append(Extracted(clip, clip.name, 0, frames, clip.fps or FALLBACK_FPS, size, stored, labels))
    return found


def _say_what_has_pixels(clips: Sequence[RawClip]) -> None:
    with_pixels = Counter(clip.split for clip in clips if clip.pixels is not None)
    total = Counter(clip.split for clip in clips)
    usable = "can run on those" if len(with_pixels) == 2 else "cannot run: they need some in both splits"
    log.info(
        "%d of %d training and %d of %d test clips have pixels, the others only tracks; detectors of pixels %s",
        *(with_pixels["train"], total["train"], with_pixels["test"], total["test"], usable),
    )


def _frames_from(clip: RawClip, boxes: pd.DataFrame) -> int:
    """The number of frames of a clip without pixels: its labels', or up to the last box in a training clip."""
    if isinstance(clip.labels, Path):
        return annotations.load_npy(clip.labels).size
    if clip.masks is not None:
        return annotations.pixel_masks(clip.masks, clip.name)[0]
    return int(boxes["frame"].max()) + 1 if len(boxes) else 0


# --- tables ---------------------------------------------------------------------------------------------------------


def _tables(extracted: list[Extracted], root: Path, params: Params) -> dict[str, pd.DataFrame]:
    problems = [(item.name, *row) for item in extracted for row in item.problems]
    if problems:
        counts = Counter(f"{row[2]} ({row[3]})" for row in problems)
        log.info("corrupted frames in test clips: %s", ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    parts = defaultdict(list)
    for item in sorted(extracted, key=lambda item: item.first):
        if item.clip.split == "test":
            parts[item.clip.stem].append((item.name, item.first, item.frames))
    names = Names({item.clip.stem: item.clip.file for item in extracted if item.clip.split == "test"})
    return {
        "frames.parquet": pd.concat([_index(item, params.stride) for item in extracted], ignore_index=True),
        "manifest.csv": pd.DataFrame([_manifest_row(item, root) for item in extracted]),
        "tracks.parquet": _track_table(extracted, params.stride),
        "events.csv": annotations.events(root / "events.csv", names, parts),
        "input_quality.csv": pd.DataFrame(problems, columns=QUALITY_COLUMNS),
    }


def _index(item: Extracted, stride: int) -> pd.DataFrame:
    numbers = np.arange(0, item.frames, stride, dtype=np.int64)
    return pd.DataFrame(
        {
            "clip": item.name,
            "frame": numbers,
            "scene": item.clip.scene,
            "split": item.clip.split,
            "label": item.labels[numbers].astype(np.int8),
        }
    )


def _manifest_row(item: Extracted, root: Path) -> dict[str, object]:
    return {
        "clip": item.name,
        "scene": item.clip.scene,
        "split": item.clip.split,
        "frames": item.frames,
        "fps": item.fps,
        "width": item.size[0],
        "height": item.size[1],
        "stored_width": item.stored_size[0],
        "stored_height": item.stored_size[1],
        "abnormal_frames": int(item.labels.sum()),
        "first_frame": item.first,
        "source": item.clip.source.relative_to(root).as_posix(),
    }


def _track_table(extracted: list[Extracted], stride: int) -> pd.DataFrame:
    """The boxes of all stored frames, in stored pixels."""
    ends: dict[tuple[str, str], int] = {}
    for item in extracted:
        key = (item.clip.split, item.clip.stem)
        ends[key] = max(ends.get(key, 0), item.first + item.frames)
    tables = []
    for item in extracted:
        if item.clip.tracks is None:
            continue
        boxes, frames = track_files.read(item.clip.tracks), ends[item.clip.split, item.clip.stem]
        if len(boxes) and boxes["frame"].max() >= frames:
            last = boxes["frame"].max()
            raise UserError(
                f"{item.clip.tracks} has a box in frame {last} but clip {item.clip.stem} has {frames} frames"
            )
        boxes["frame"] -= item.first
        boxes = boxes[(boxes["frame"] >= 0) & (boxes["frame"] < item.frames) & (boxes["frame"] % stride == 0)].copy()
        boxes[["x1", "x2"]] *= np.float32(item.stored_size[0] / item.size[0])
        boxes[["y1", "y2"]] *= np.float32(item.stored_size[1] / item.size[1])
        boxes.insert(0, "clip", item.name)
        tables.append(boxes)
    if not tables:
        empty = {"clip": pd.Series(dtype=str), "frame": pd.Series(dtype=np.int64), "track": pd.Series(dtype=np.int64)}
        return pd.DataFrame(empty | {name: pd.Series(dtype=np.float32) for name in track_files.COLUMNS[2:]})
    return pd.concat(tables, ignore_index=True)
