"""The frames that a benchmark works on: some of a store's training frames, also brought to another size."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from vad.data.frames import Clip, ClipWriter, FrameStore

JPEG_QUALITY = 95


def training(store: FrameStore) -> list[Clip]:
    """The store's training clips that have pixels, in name order."""
    return [clip for clip in store.clips("train") if clip.path is not None and len(clip.frames)]


def first(clips: Sequence[Clip], frames: int) -> list[Clip]:
    """The first ``frames`` frames of ``clips`` in order, the last clip cut; all where there are fewer."""
    chosen, left = [], frames
    for clip in clips:
        if left > 0:
            chosen.append(clip.only(clip.frames[:left]))
            left -= len(chosen[-1].frames)
    return chosen


def evenly(clips: Sequence[Clip], frames: int) -> list[Clip]:
    """``frames`` frames spread evenly over ``clips``, which hold at least so many: every scene has its share."""
    total = sum(len(clip.frames) for clip in clips)
    wanted, start, chosen = np.arange(frames) * total // frames, 0, []
    for clip in clips:
        own = wanted[(wanted >= start) & (wanted < start + len(clip.frames))] - start
        chosen.append(clip.only(clip.frames[own]))
        start += len(clip.frames)
    return [clip for clip in chosen if len(clip.frames)]


def resized(clips: Sequence[Clip], size: tuple[int, int], folder: Path) -> list[Clip]:
    """The clips' own frames alone, brought to ``size`` = (width, height) and stored anew below ``folder``.

    What belongs to a clip lies beside its frames: what is written for the returned clips goes below ``folder`` too.
    """
    (folder / "frames").mkdir(parents=True)
    return [_resized(clip, size, folder / "frames" / f"{clip.name}.zip") for clip in clips]


def _resized(clip: Clip, size: tuple[int, int], path: Path) -> Clip:
    with ClipWriter(path, JPEG_QUALITY) as writer:
        for frame in clip.frames:
            image = cv2.resize(clip.read(frame), size, interpolation=cv2.INTER_AREA)
            writer.add(int(frame), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    own = clip.only(clip.frames)  # with a file handle of its own
    return replace(own, stored=own.frames, path=path, size=size, tracks=None)


def sizes(clips: Sequence[Clip]) -> str:
    """The sizes of the clips' stored frames: ``428x240``."""
    return ", ".join(sorted({f"{width}x{height}" for width, height in (clip.size for clip in clips)}))
