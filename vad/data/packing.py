"""One clip on disk -> its container in the frame store: decoded, judged, resized, packed, with masks and labels."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pydantic

from vad.data import annotations, decoding, quality
from vad.data.frames import ClipWriter
from vad.data.layouts import RawClip
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section

log = logging.getLogger(__name__)

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


@dataclass(frozen=True)
class Extracted:
    """What is known of a clip once its frames have been read.

    Attributes:
        frames: number of frames in the source, whatever the stride.
        size, stored_size: (width, height) in the source and in the store.
        labels: (frames,) int8.
        problems: rows of data/input_quality.csv without the clip's name.
        background: thumbnail of the clip's background; None for a clip without pixels.
    """

    clip: RawClip
    frames: int
    fps: float
    size: tuple[int, int]
    stored_size: tuple[int, int]
    labels: np.ndarray
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    background: np.ndarray | None = None


def extract_clip(job: Job) -> Extracted:
    """Pack one clip's frames and masks; test frames found upside down are turned back if so wanted."""
    clip, params = job.clip, job.params
    gauge = quality.Gauge()
    frames, fps, size, stored = _pack(job, gauge, {})
    findings = gauge.findings(job.references) if clip.split == "test" else []
    turns = {found.frame: found.turn for found in findings if found.turn is not None} if params.turn_back else {}
    if turns:
        _pack(job, None, turns)
    labels = annotate(job, frames, stored)
    problems = [(f.frame, f.problem, "flipped" if f.problem == "upside_down" and turns else "kept") for f in findings]
    return Extracted(clip, frames, fps, size, stored, labels, problems, gauge.background())


def _pack(
    job: Job, gauge: quality.Gauge | None, turns: dict[int, int]
) -> tuple[int, float, tuple[int, int], tuple[int, int]]:
    """Write the container: (frames in the source, fps, size, stored size)."""
    clip, params = job.clip, job.params
    fps, pictures = decoding.read_clip(clip.pixels, params.stride)
    size = stored = (0, 0)
    shape, number = None, -1
    with ClipWriter(job.frames_folder / f"{clip.name}.zip", params.jpeg_quality) as writer:
        for number, picture in pictures:
            if picture is None:
                continue
            gray = picture.small_gray()
            if shape is None:
                shape, size = gray.shape, picture.size()
                stored = stored_size(*size, params.short_side)
            if gray.shape != shape:
                raise UserError(
                    f"{picture.source}: frame {number} is {picture.size()} but the clip began with {size} "
                    "(width, height): make them equal"
                )
            if gauge is not None:
                gauge.add(number, gray)
            _add(writer, number, picture, None if size == stored else stored, turns.get(number))
    return number + 1, _plausible_fps(clip, fps), size, stored


def _add(
    writer: ClipWriter, number: int, picture: decoding.Picture, resize: tuple[int, int] | None, turn: int | None
) -> None:
    """A JPEG that needs no change is copied byte for byte; anything else is resized, turned and encoded."""
    if picture.jpeg is not None and resize is None and turn is None:
        writer.add_jpeg(number, picture.jpeg)
        return
    pixels = picture.pixels()
    if resize is not None:
        pixels = cv2.resize(pixels, resize, interpolation=cv2.INTER_AREA)
    writer.add(number, pixels if turn is None else cv2.flip(pixels, turn))


def stored_size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    """(width, height) in the store: the short side reduced to ``short_side``, both even; never enlarged."""
    if short_side is None or min(width, height) <= short_side:
        return width, height
    scale = short_side / min(width, height)
    return 2 * round(width * scale / 2), 2 * round(height * scale / 2)


def _plausible_fps(clip: RawClip, container: float | None) -> float:
    if clip.fps is not None:
        return clip.fps
    if container is not None and 0 < container <= 240:
        return round(container, 6)
    log.warning("%s does not say a usable frame rate; %g is taken, data.fps sets another", clip.pixels, FALLBACK_FPS)
    return FALLBACK_FPS


def annotate(job: Job, frames: int, stored: tuple[int, int]) -> np.ndarray:
    """Write the clip's masks, and return its labels."""
    clip = job.clip
    if clip.masks is None:
        return annotations.frame_labels(clip.labels, frames, clip.name)
    count, masks = annotations.pixel_masks(clip.masks, clip.name)
    if count != frames:
        raise UserError(f"{clip.masks} has {count} masks but clip {clip.name} has {frames} frames: they must be equal")
    abnormal, rows = np.zeros(frames, np.int8), []
    for number, mask in enumerate(masks):
        abnormal[number] = mask.any()
        if number % job.params.stride == 0:
            rows.append(np.packbits(_resized_mask(mask, stored)))
    arrays = {"bits": np.stack(rows), "size": np.array([stored[1], stored[0]], np.int64)}
    artifacts.write_arrays(job.masks_folder / f"{clip.name}.npz", arrays)
    return abnormal if clip.labels is None else annotations.frame_labels(clip.labels, frames, clip.name)


def _resized_mask(mask: np.ndarray, stored: tuple[int, int]) -> np.ndarray:
    """The mask at (width, height) ``stored``: a pixel is set where at least half of what it covers was."""
    if (mask.shape[1], mask.shape[0]) == stored:
        return mask
    return cv2.resize(mask.astype(np.uint8) * 255, stored, interpolation=cv2.INTER_AREA) >= 128
