"""The frame store as a camera: a clip's frames as sights, decoded ahead."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np

from vad.data.frames import Clip
from vad.perception.camera import Camera
from vad.perception.sight import Sight, View
from vad.pipeline import stage

T = TypeVar("T")
R = TypeVar("R")

BATCH = 16  # views of a sight: with more, a network's activations no longer fit a CPU's cache
AHEAD = 2  # sights that are decoded ahead


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers)


def parallel(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """``work`` of each item, spread over threads; a single one is done at once."""
    if len(items) < 2:
        return [work(item) for item in items]
    return list(_pool(stage.workers()).map(work, items))


def begun(work: Callable[..., R], *arguments: Any) -> "Future[R] | None":
    """``work`` begun on another core, to be waited for later; None where there is no other core for it."""
    return _pool(stage.workers()).submit(work, *arguments) if stage.workers() > 1 else None


def camera_of(clip: Clip) -> Camera:
    """The camera that recorded ``clip``."""
    return Camera(clip.name, clip.scene, clip.fps, clip.size)


def sights(clip: Clip, past: int = 0, future: int = 0, pixels: bool = True) -> Iterator[Sight]:
    """``clip`` from its first needed frame to its last, then the last sight.

    Args:
        past, future: how many frames before and after each of ``clip.frames`` are needed too.
        pixels: whether they will be looked at, and are decoded ahead.
    """
    numbers = _needed(clip, past, future)
    wanted = np.isin(numbers, clip.frames)
    with ThreadPoolExecutor(stage.workers()) as pool:
        ahead: deque[list[View]] = deque()
        for start in range(0, len(numbers), BATCH):
            part = slice(start, start + BATCH)
            ahead.append([_view(clip, *pair, pool, pixels) for pair in zip(numbers[part], wanted[part], strict=True)])
            if len(ahead) > AHEAD:
                yield Sight(ahead.popleft())
        while ahead:
            yield Sight(ahead.popleft())
    yield Sight([], last=True)


def _needed(clip: Clip, past: int, future: int) -> np.ndarray:
    if not past and not future:
        return clip.frames
    at = np.searchsorted(clip.stored, clip.frames)
    change = np.zeros(len(clip.stored) + 1, int)
    np.add.at(change, np.maximum(at - past, 0), 1)
    np.add.at(change, np.minimum(at + future + 1, len(clip.stored)), -1)
    return clip.stored[np.cumsum(change[:-1]) > 0]


def _view(clip: Clip, frame: int, wanted: bool, pool: ThreadPoolExecutor, pixels: bool) -> View:
    read = pool.submit(clip.read, int(frame)).result if pixels else partial(clip.read, int(frame))
    return View(int(frame), read, bool(wanted))
