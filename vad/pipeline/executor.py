"""One fan-out for all work that is done clip by clip: here, by local processes or threads, or by a cluster.

``map_clips(work, clips, into)`` runs ``work(clip, folder)`` for each clip and gives the values in the clips' order.
What a work writes lies in ``folder`` below the names of ``into``, and is moved to the folders that these stand for when
the clip is done. Where it runs is no parameter: with ``VAD_SCHEDULER=tcp://...`` on the nodes of that Dask scheduler
(``vad.pipeline.cluster``), else on this machine; the files and the values are the same.

A clip that fails fails the stage with its name, after all others were finished. A work that has a ``key`` is kept in
the cache of clips (``vad.pipeline.clip_cache``) and not done again.
"""

import logging
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from vad.pipeline import clip_cache, cluster, processes, stage
from vad.pipeline.batch import Batch, Failure, Keyed, name_of, portable, travelling
from vad.pipeline.clip_cache import ClipCache
from vad.pipeline.errors import UserError
from vad.pipeline.naming import printable

log = logging.getLogger(__name__)

Local = Literal["serial", "threads", "processes"]


def map_clips(
    work: Callable[[Any, Path], Any],
    clips: Sequence[Any],
    into: Mapping[str, Path] | None = None,
    *,
    desc: str,
    local: Local = "serial",
    unit: str = "clip",
) -> list[Any]:
    """``work(clip, folder)`` of every clip; the values in the clips' order.

    Args:
        work: with local processes and on a cluster a picklable object of the library's.
        clips: names, or objects with a ``name``.
        into: name of a folder in ``folder`` -> where the files that ``work`` writes there go: in a folder that
            ``artifacts.replacing`` is filling, or that folder itself.
        desc: of the progress bar; unit: what it counts, where that is no clip.
        local: how it is done on this machine; as many threads or processes as ``VAD_WORKERS`` says.

    Raises:
        UserError: what a clip failed of, with the clip's name; the others were finished before. Any other exception
            of a clip as it is, with a note that names the clip.
    """
    # A stage keeps results; library calls compute what they are asked for.
    cache = ClipCache() if stage.running is not None and clip_cache.limit() else None
    batch = Batch(work, tuple(clips), dict(into or {}), cache)
    values: dict[int, Any] = {}
    with tqdm(total=len(clips), desc=desc, unit=unit, disable=not clips) as bar:
        for number, value in _runner(local, len(clips))(batch, bar):
            values[number] = value
            if isinstance(value, Failure):
                log.error(printable(f"{name_of(batch.clips[number])} failed, the others go on: {value.error}"))
            bar.update()
    if cache is not None and isinstance(work, Keyed):
        cache.trim(clip_cache.limit())
    failed = {
        name_of(batch.clips[number]): values[number].error for number in sorted(values) if _failed(values[number])
    }
    if failed:
        _raise(failed)
    return [values[number] for number in range(len(clips))]


Runner = Callable[[Batch, tqdm], Iterator[tuple[int, Any]]]


def _runner(local: Local, clips: int) -> Runner:
    if os.environ.get(cluster.SCHEDULER) and clips:
        return partial(cluster.run, os.environ[cluster.SCHEDULER])
    if local == "serial" or min(stage.workers(), clips) <= 1:
        return lambda batch, _: ((number, batch(number)) for number in range(len(batch.clips)))
    return _threads if local == "threads" else _processes


def _threads(batch: Batch, _: tqdm) -> Iterator[tuple[int, Any]]:
    with ThreadPoolExecutor(min(stage.workers(), len(batch.clips))) as pool:
        yield from _completed(pool, batch, range(len(batch.clips)))


def _completed(pool: Executor, do: Callable[[int], Any], numbers: Iterable[int]) -> Iterator[tuple[int, Any]]:
    futures = {pool.submit(do, number): number for number in numbers}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


# --- local processes -------------------------------------------------------------------------------------------------

_own: Batch | None = None  # of a worker process


def _processes(batch: Batch, _: tqdm) -> Iterator[tuple[int, Any]]:
    """Clips of a worker that died are done again, by fewer workers: it is memory that they die of."""
    left, workers = set(range(len(batch.clips))), min(stage.workers(), len(batch.clips))
    with travelling(batch) as payload:
        while left:
            try:
                with processes.pool(workers, partial(_begin, payload)) as pool:
                    for number, value in _completed(pool, _do, sorted(left)):
                        left.discard(number)
                        yield number, value
            except BrokenProcessPool:
                if workers == 1:
                    raise UserError(
                        "a worker process died, most likely out of memory: run again with VAD_WORKERS=1"
                    ) from None
                workers //= 2
                log.warning("a worker process died; its clips are done again by %d", workers)


def _begin(payload: Path) -> None:
    global _own
    import cv2

    cv2.setNumThreads(1)  # of no influence on what it computes
    _own = pickle.loads(payload.read_bytes())


def _do(number: int) -> Any:
    assert _own is not None, "the worker was not begun"
    return portable(_own(number))


# --- failures --------------------------------------------------------------------------------------------------------


def _failed(value: Any) -> bool:
    return isinstance(value, Failure)


def _raise(failed: Mapping[str, Exception]) -> None:
    (name, error), *others = failed.items()
    more = f" ({len(others)} more failed: {', '.join(name for name, _ in others)})" if others else ""
    if not isinstance(error, UserError):
        error.add_note(f"clip {name}{more}")
        raise error
    if not more and name in str(error):
        raise error
    raise UserError(f"{error}{more}" if name in str(error) else f"clip {name}: {error}{more}") from error
