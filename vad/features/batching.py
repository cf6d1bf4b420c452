"""Frames of clips in batches, decoded ahead."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from vad.data.frames import Clip

BATCH = 16  # frames per forward pass: with more, the activations no longer fit a CPU's cache


def batches(clips: Sequence[Clip], size: int = BATCH) -> Iterator[np.ndarray]:
    """Batches of at most ``size`` frames, (B, H, W, 3) uint8 RGB, over ``clips`` in order, decoded one batch ahead.

    A batch runs on from one clip into the next, but not where the size of the frames changes.
    """
    wanted: list[list[tuple[Clip, int]]] = []
    for clip in clips:
        for frame in clip.frames:
            if not wanted or len(wanted[-1]) == size or wanted[-1][0][0].size != clip.size:
                wanted.append([])
            wanted[-1].append((clip, int(frame)))
    with ThreadPoolExecutor(1) as decoder:
        ahead = decoder.submit(_decode, wanted[0]) if wanted else None
        for following in [*wanted[1:], None]:
            if ahead is None:
                return
            batch = ahead.result()
            ahead = decoder.submit(_decode, following) if following else None
            yield batch


def _decode(frames: list[tuple[Clip, int]]) -> np.ndarray:
    return np.stack([clip.read(frame) for clip, frame in frames])
