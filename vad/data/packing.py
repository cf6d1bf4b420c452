"""One clip on disk -> its container in the frame store: decoded, judged, resized, packed, with masks and labels."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pydantic

from vad.data import annotations, decoding, pictures, quality, remote
from vad.data.clips import RawClip
from vad.data.frames import ClipWriter
from vad.data.intervals import Intervals
from vad.pipeline import artifacts
from vad.pipeline.clip_cache import content
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section

FALLBACK_FPS = 25.0


class Params(Section):
    """Section ``extract_frames`` of params.yaml."""

    short_side: int | None = pydantic.Field(ge=32, le=4320)
    stride: int = pydantic.Field(ge=1, le=1000)
    jpeg_quality: int = pydantic.Field(ge=50, le=100)
    turn_back: bool


@dataclass(frozen=True)
class Job:
    """One clip to extract: where its container and masks go, and what training clips of its scene look like."""

    clip: RawClip
    params: Params
    frames_folder: Path
    masks_folder: Path
    references: tuple[np.ndarray, ...] = ()


@dataclass
class Part:
    """A stretch of a clip without an interruption; nearly always the whole clip.

    Attributes:
        name: of the part, unique in the data set. first: number in the source of its frame 0.
        frames: number of frames, whatever the stride. damaged: those that the decoder had to make up in part.
    """

    name: str
    first: int = 0
    frames: int = 0
    damaged: list[int] = field(default_factory=list)
    gauge: quality.Gauge = field(default_factory=quality.Gauge)


@dataclass(frozen=True)
class Extracted:
    """What is known of a clip, or of a part of one, once its frames have been read.

    Attributes:
        name, first, frames: see :class:`Part`.
        size, stored_size: (width, height) in the source, in its own pixels, and in the store, in square ones.
        labels: (frames,) int8.
        problems: rows of data/input_quality.csv without the clip's name.
        background: thumbnail of the clip's background; None for a clip without pixels.
        notes: what the user should know of the source.
    """

    clip: RawClip
    name: str
    first: int
    frames: int
    fps: float
    size: tuple[int, int]
    stored_size: tuple[int, int]
    labels: np.ndarray
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    background: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Packing:
    """:func:`extract_clip` as a work of ``vad.pipeline.executor``, into the folders ``frames`` and ``masks``.

    Attributes:
        references: scene -> backgrounds of its training clips.
    """

    params: Params
    references: Mapping[str, tuple[np.ndarray, ...]] = field(default_factory=dict)
    code: ClassVar[tuple[str, ...]] = ()

    def key(self, clip: RawClip) -> str:
        """The clip's files, its names, and the parameters."""
        labels = clip.labels if isinstance(clip.labels, Path) else None
        spans = clip.labels.spans if isinstance(clip.labels, Intervals) else None
        suffixes = [None if path is None else path.suffix for path in (clip.pixels, clip.masks)]
        about = (clip.name, clip.stem, clip.scene, clip.split, clip.fps, suffixes)
        references = [picture.tobytes() for picture in self.references.get(clip.scene, ())]
        return repr((content(clip.pixels, labels, clip.masks), about, spans, self.params, references))

    def __call__(self, clip: RawClip, folder: Path) -> list["Extracted"]:
        """Its parts."""
        references = self.references.get(clip.scene, ())
        with remote.fetched(clip.pixels) as pixels:
            here = replace(clip, pixels=pixels)
            return extract_clip(Job(here, self.params, folder / "frames", folder / "masks", references))


def extract_clip(job: Job) -> list[Extracted]:
    """Pack one clip's frames and masks; test frames found upside down are turned back if so wanted.

    Returns:
        One entry, or one for each part of a video that was interrupted: flow and tracks must not run across the gap.
    """
    clip, params = job.clip, job.params
    parts, fps, size, stored, notes = _pack(job, {})
    findings = [part.gauge.findings(job.references) if clip.split == "test" else [] for part in parts]
    turns = {
        part.first + found.frame: found.turn
        for part, own in zip(parts, findings, strict=True)
        for found in own
        if found.turn is not None and params.turn_back
    }
    if turns:
        _pack(job, turns)
    labels = annotate(job, parts, stored)
    extracted = []
    for part, own in zip(parts, findings, strict=True):
        flipped = any(part.first + found.frame in turns for found in own)
        own = [*own, *(quality.Finding(frame, "damaged") for frame in part.damaged if clip.split == "test")]
        problems = [(f.frame, f.problem, "flipped" if f.problem == "upside_down" and flipped else "kept") for f in own]
        about = labels[part.first : part.first + part.frames], sorted(problems), part.gauge.background()
        extracted.append(Extracted(clip, part.name, part.first, part.frames, fps, size, stored, *about, notes))
    return extracted


def _pack(job: Job, turns: dict[int, int]) -> tuple[list[Part], float, tuple[int, int], tuple[int, int], list[str]]:
    """Write the containers: (parts, fps, size, stored size, notes). ``turns``: by the frame's number in the source."""
    clip, params = job.clip, job.params
    assert clip.pixels is not None, f"{clip.name} is known by its tracks alone"
    footage = decoding.read_clip(clip.pixels, clip.fps)
    size = stored = (0, 0)
    shape, before, notes = None, None, list(footage.notes)
    parts: list[Part] = []
    with ExitStack() as open_file:
        for number, picture in enumerate(footage.pictures):
            if not parts or interrupted(before, picture.seconds, footage.gap):
                parts.append(Part(clip.name, number))
                open_file.close()
                path = _unnamed(job.frames_folder, clip, len(parts))
                writer = open_file.enter_context(ClipWriter(path, params.jpeg_quality))
            part, before = parts[-1], picture.seconds
            part.frames += 1
            if (number - part.first) % params.stride:
                continue
            if picture.damaged:
                part.damaged.append(number - part.first)
            gray = picture.small_gray()
            if shape is None:
                shape, size = gray.shape, picture.size()
                stored = stored_size(*size, params.short_side, picture.aspect)
            if gray.shape != shape:
                raise UserError(
                    f"{picture.source}: frame {number} is {picture.size()} but the clip began with {size} "
                    "(width, height): make them equal"
                )
            part.gauge.add(number - part.first, gray)
            _add(writer, number - part.first, picture, None if size == stored else stored, turns.get(number))
    _name(parts, clip, job.frames_folder)
    if len(parts) > 1:
        starts = ", ".join(str(part.first) for part in parts)
        notes.append(f"the recording was interrupted: {len(parts)} clips begin at its frames {starts}")
    if damaged := sum(len(part.damaged) for part in parts):
        notes.append(f"{damaged} frames are damaged; the decoder made up what is missing in them")
    return parts, _plausible_fps(footage.fps, notes), size, stored, notes


def interrupted(before: float | None, now: float | None, gap: float) -> bool:
    """Whether more than ``gap`` seconds, or less than none, lie between two pictures' time stamps."""
    return before is not None and now is not None and not before <= now <= before + gap


def _name(parts: list[Part], clip: RawClip, folder: Path) -> None:
    """A clip's only part has its name; several are numbered."""
    for number, part in enumerate(parts, start=1):
        part.name = clip.name if len(parts) == 1 else f"{clip.name}_part{number:0{len(str(len(parts)))}d}"
        _unnamed(folder, clip, number).replace(folder / f"{part.name}.zip")


def _unnamed(folder: Path, clip: RawClip, number: int) -> Path:
    """Where part ``number`` is written before it is known how many there are."""
    return folder / f"{clip.name}.zip.{number}"


def _add(
    writer: ClipWriter, number: int, picture: pictures.Picture, resize: tuple[int, int] | None, turn: int | None
) -> None:
    """A JPEG that needs no change is copied byte for byte; anything else is resized, turned and encoded."""
    if picture.jpeg is not None and resize is None and turn is None:
        writer.add_jpeg(number, picture.jpeg)
        return
    pixels = picture.pixels()
    if resize is not None:
        pixels = cv2.resize(pixels, resize, interpolation=cv2.INTER_AREA)
    writer.add(number, pixels if turn is None else cv2.flip(pixels, turn))


def stored_size(width: int, height: int, short_side: int | None, aspect: float = 1.0) -> tuple[int, int]:
    """(width, height) in the store: square pixels, the short side reduced to ``short_side``, both even.

    Pictures are never enlarged, but the pixels of one whose pixels are ``aspect`` as wide as high are squared first, by
    its width.
    """
    if aspect != 1:
        width = 2 * round(width * aspect / 2)
    if short_side is None or min(width, height) <= short_side:
        return width, height
    scale = short_side / min(width, height)
    return 2 * round(width * scale / 2), 2 * round(height * scale / 2)


def _plausible_fps(fps: float | None, notes: list[str]) -> float:
    if fps is not None and 0 < fps <= 1000:
        return round(fps, 6)
    notes.append(f"does not say a usable frame rate; {FALLBACK_FPS:g} is taken, data.fps sets another")
    return FALLBACK_FPS


def annotate(job: Job, parts: Sequence[Part], stored: tuple[int, int]) -> np.ndarray:
    """Write the masks of each part, and return the labels of the whole clip."""
    clip, frames = job.clip, sum(part.frames for part in parts)
    _check_first_picture(clip)
    if clip.masks is None:
        return annotations.frame_labels(clip.labels, frames, clip.name)
    count, masks = annotations.pixel_masks(clip.masks, clip.name)
    if count != frames:
        raise UserError(f"{clip.masks} has {count} masks but clip {clip.name} has {frames} frames: they must be equal")
    abnormal = np.zeros(frames, np.int8)
    for part in parts:
        rows = []
        for number, mask in enumerate(islice(masks, part.frames)):
            abnormal[part.first + number] = mask.any()
            if number % job.params.stride == 0:
                rows.append(np.packbits(_resized_mask(mask, stored)))
        arrays: dict[str, np.ndarray] = {"bits": np.stack(rows), "size": np.array([stored[1], stored[0]], np.int64)}
        artifacts.write_arrays(job.masks_folder / f"{part.name}.npz", arrays)
    return abnormal if clip.labels is None else annotations.frame_labels(clip.labels, frames, clip.name)


def _check_first_picture(clip: RawClip) -> None:
    """Stretches count pictures from 0 or 1: where the first has another number, which are meant is not known."""
    if isinstance(clip.labels, Intervals) and clip.pixels is not None and clip.pixels.is_dir():
        first = pictures.first_number(clip.pixels)
        if first is not None and first > 1:
            raise UserError(
                f"{clip.pixels} begins with picture {first}, so the stretches in {clip.labels.file} may mean others: "
                "restore the first pictures, or number them from 1"
            )


def _resized_mask(mask: np.ndarray, stored: tuple[int, int]) -> np.ndarray:
    """The mask at (width, height) ``stored``: a pixel is set where at least half of what it covers was."""
    if (mask.shape[1], mask.shape[0]) == stored:
        return mask
    return cv2.resize(mask.astype(np.uint8) * 255, stored, interpolation=cv2.INTER_AREA) >= 128
