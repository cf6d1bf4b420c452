"""How much disk a data set will take in the frame store, before it takes it: from headers, nothing is decoded."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vad.data.clips import RawClip
from vad.data.containers import opened, video_stream
from vad.data.listing import pictures_in
from vad.data.packing import FALLBACK_FPS, Params, stored_size
from vad.data.pictures import JPEG_SUFFIXES
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)

# Bytes a pixel of a stored JPEG by its quality. Measured at 75, 85, 95, 100: ShanghaiTech at 240 rows 0.10, 0.13, 0.24,
# 0.49; at 95 also Ped2 0.28 and campus-sim 0.29 (0.23 to 0.47 by clip).
QUALITIES, BYTES_PER_PIXEL = (50, 75, 85, 95, 100), (0.07, 0.10, 0.14, 0.28, 0.55)
LEAST_PACKET = 20  # bytes of a frame in a video: what a header promises beyond that is not there
CLEARLY = 2  # times the free disk: an estimate is wrong by less


def check(clips: Sequence[RawClip], params: Params, folder: Path, weak_share: float = 1.0) -> None:
    """Say what the clips' frames will take on the disk of ``folder``, and what is free there.

    Args:
        weak_share: of the frames of a video with one label that is kept.

    Raises:
        UserError: far more is needed than there is.
    """
    found = [
        (frames * share, size * share)
        for clip in clips
        if clip.pixels is not None
        for share in [weak_share if clip.split == "weak" and not clip.pixels.is_dir() else 1.0]
        for frames, size in [estimate(clip.pixels, clip.fps, params)]
    ]
    if not found:
        return
    frames, needed = (int(sum(column)) for column in zip(*found, strict=True))
    free = shutil.disk_usage(next(place for place in (folder, *folder.absolute().parents) if place.exists())).free
    said = f"about {frames:,} frames to store, about {_gigabytes(needed)}; {_gigabytes(free)} are free"
    if needed > CLEARLY * free:
        raise UserError(
            f"{said} on the disk of {folder}: free some, move the project, lower extract_frames.short_side or "
            "jpeg_quality, or raise extract_frames.stride"
        )
    (log.warning if needed > free / 2 else log.info)("%s", said)


def estimate(pixels: Path, fps: float | None, params: Params) -> tuple[int, int]:
    """(frames stored, bytes) of a video or a folder of pictures, by its headers; (0, 0) where these cannot be read."""
    try:
        return _of_pictures(pixels, params) if pixels.is_dir() else _of_video(pixels, fps, params)
    except (UserError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 0, 0  # whoever decodes it says what is wrong


def _of_pictures(folder: Path, params: Params) -> tuple[int, int]:
    files = pictures_in(folder)[:: params.stride]
    if not files:
        return 0, 0
    with Image.open(files[0]) as picture:
        size = picture.size
    stored = stored_size(*size, params.short_side)
    if stored == size and files[0].suffix.lower() in JPEG_SUFFIXES:  # copied as they are
        return len(files), sum(file.stat().st_size for file in files)
    return len(files), _bytes(len(files), stored, params)


def _of_video(path: Path, fps: float | None, params: Params) -> tuple[int, int]:
    with opened(path) as container:
        stream = video_stream(container, path)
        context = stream.codec_context
        aspect = float(context.sample_aspect_ratio or 1) or 1.0
        stored = stored_size(context.width, context.height, params.short_side, aspect)
        rate = float(stream.average_rate or fps or FALLBACK_FPS)
        lasting = container.duration / 1e6 * rate if container.duration else float("inf")
        promised = stream.frames or lasting
    frames = int(min(promised, path.stat().st_size / LEAST_PACKET)) // params.stride
    return frames, _bytes(frames, stored, params)


def _bytes(frames: int, size: tuple[int, int], params: Params) -> int:
    return round(frames * size[0] * size[1] * float(np.interp(params.jpeg_quality, QUALITIES, BYTES_PER_PIXEL)))


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{max(1, round(size / 1e6))} MB"
