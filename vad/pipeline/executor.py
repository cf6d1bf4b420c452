"""One fan-out for all work that is done clip by clip: here, by local processes or threads, or by a cluster.

``map_clips(work, clips, into)`` runs ``work(clip, folder)`` for each clip and gives the values in the clips' order.
What a work writes lies in ``folder`` below the names of ``into``, and is moved to the folders that these stand for when
the clip is done. Where it runs is no parameter: with ``VAD_SCHEDULER=tcp://...`` on the nodes of that Dask scheduler
(``vad.pipeline.cluster``), else on this machine; the files and the values are the same.

A clip that fails fails the stage with its name, after all others were finished. A work that has a ``key`` is kept in
the cache of clips (``vad.pipeline.clip_cache``) and not done again.
"""

import contextlib
import errno
import hashlib
import logging
import os
import pickle
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from tqdm import tqdm

from vad.pipeline import clip_cache, processes, scratch, source, stage
from vad.pipeline.clip_cache import ClipCache
from vad.pipeline.errors import UserError
from vad.pipeline.naming import printable

log = logging.getLogger(__name__)

Local = Literal["serial", "threads", "processes"]
SCHEDULER = "VAD_SCHEDULER"
_cache: ClipCache | None = None  # a stage's; library calls compute what they are asked for


@runtime_checkable
class Keyed(Protocol):
    """A work whose results are kept.

    Attributes:
        code: modules, by dotted name, that it computes with beside the one that it is defined in.
    """

    code: tuple[str, ...]

    def key(self, clip: Any) -> str:
        """What the result depends on beside code and versions: the clip's content, parameters, fitted state."""


@dataclass(frozen=True)
class Failure:
    """Why a clip could not be done."""

    error: Exception


@dataclass(frozen=True)
class Batch:
    """One call of :func:`map_clips`, as it travels to whoever does its clips; called with a clip's number."""

    work: Callable[[Any, Path], Any]
    clips: tuple
    into: Mapping[str, Path]
    cache: ClipCache | None = None
    threads: Mapping[str, int] = field(default_factory=dict)  # see vad.pipeline.cluster

    def __call__(self, number: int) -> Any:
        """The clip's value, or :class:`Failure`; its files are in place."""
        clip = self.clips[number]
        try:
            return self._done(clip)
        except Exception as error:
            if _hopeless(error):
                raise
            return Failure(error)

    def _done(self, clip: Any) -> Any:
        key = self._key(clip)
        if key is not None and self.cache is not None:
            value = self.cache.take(key, self.into)
            if value is not clip_cache.MISS:
                return value
        # Beside where it goes: the stage's own scratch folder, which is swept if nobody else can tidy up.
        home = next((folder.parent for folder in self.into.values()), None)
        with tempfile.TemporaryDirectory(prefix=".clip-", dir=home, ignore_cleanup_errors=True) as made:
            holder = Path(made)
            for name in self.into:
                (holder / name).mkdir()
            value = self.work(clip, holder)
            if key is not None and self.cache is not None:
                self.cache.put(key, holder, value)
            for name, folder in self.into.items():
                for file in (holder / name).iterdir():
                    os.replace(file, folder / file.name)
        return value

    def _key(self, clip: Any) -> str | None:
        if self.cache is None or not isinstance(self.work, Keyed):
            return None
        module = type(self.work).__module__
        parts = {
            "code": source.digest((module, *self.work.code)),
            "versions": {**source.versions(), "python": sys.version},
            "machine": _machine(),
            "of": self.work.key(clip),
        }
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def _machine() -> tuple[str, str]:
    """Device and number of threads, without asking PyTorch, which not all need: by them, sums round."""
    device = os.environ.get("VAD_DEVICE") or ("cuda" if os.path.exists("/dev/nvidiactl") else "cpu")
    return device, os.environ.get("OMP_NUM_THREADS") or str(len(os.sched_getaffinity(0)))


def use_cache(folder: Path | None) -> None:
    """Keep the results of clips below ``folder`` from now on; None: no longer."""
    global _cache
    _cache = None if folder is None or not clip_cache.limit() else ClipCache(folder)


def map_clips(
    work: Callable[[Any, Path], Any],
    clips: Sequence[Any],
    into: Mapping[str, Path] | None = None,
    *,
    desc: str,
    local: Local = "serial",
) -> list[Any]:
    """``work(clip, folder)`` of every clip; the values in the clips' order.

    Args:
        work: with local processes and on a cluster a picklable object of the library's.
        clips: names, or objects with a ``name``.
        into: name of a folder in ``folder`` -> where the files that ``work`` writes there go: in a folder that
            ``artifacts.replacing`` is filling, or that folder itself.
        desc: of the progress bar.
        local: how it is done on this machine; as many threads or processes as ``VAD_WORKERS`` says.

    Raises:
        UserError: what a clip failed of, with the clip's name; the others were finished before. Any other exception
            of a clip as it is, with a note that names the clip.
    """
    batch = Batch(work, tuple(clips), dict(into or {}), _cache)
    values: dict[int, Any] = {}
    with tqdm(total=len(clips), desc=desc, unit="clip", disable=not clips) as bar:
        for number, value in _runner(local, len(clips))(batch, bar):
            values[number] = value
            if isinstance(value, Failure):
                log.error(printable(f"{_name(batch.clips[number])} failed, the others go on: {value.error}"))
            bar.update()
    if _cache is not None and isinstance(work, Keyed):
        _cache.trim(clip_cache.limit())
    failed = {_name(batch.clips[number]): values[number].error for number in sorted(values) if _failed(values[number])}
    if failed:
        _raise(failed)
    return [values[number] for number in range(len(clips))]


Runner = Callable[[Batch, tqdm], Iterator[tuple[int, Any]]]


def _runner(local: Local, clips: int) -> Runner:
    if os.environ.get(SCHEDULER) and clips:
        from vad.pipeline import cluster

        return partial(cluster.run, os.environ[SCHEDULER])
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


def portable(value: Any) -> Any:
    """``value`` as it can travel between processes: an error takes its traceback along, as a note."""
    if isinstance(value, Failure) and not isinstance(value.error, UserError):
        value.error.add_note("".join(traceback.format_exception(value.error)))
        try:
            pickle.loads(pickle.dumps(value.error))
        except Exception:
            return Failure(RuntimeError("".join(traceback.format_exception(value.error))))
    return value


@contextlib.contextmanager
def travelling(batch: Batch) -> Iterator[Path]:
    """The file in the project's scratch folder from which workers read the batch, once each."""
    with scratch.holder(scratch.FOLDERS[0] / "x") as holder:
        payload = holder / "batch.pickle"
        payload.write_bytes(pickle.dumps(batch))
        yield payload


# --- failures --------------------------------------------------------------------------------------------------------


def _failed(value: Any) -> bool:
    return isinstance(value, Failure)


def _hopeless(error: Exception) -> bool:
    """Whether it is the machine that fails, so that no other clip can be done either."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE)


def _name(clip: Any) -> str:
    return clip if isinstance(clip, str) else clip.name


def _raise(failed: Mapping[str, Exception]) -> None:
    (name, error), *others = failed.items()
    more = f" ({len(others)} more failed: {', '.join(name for name, _ in others)})" if others else ""
    if not isinstance(error, UserError):
        error.add_note(f"clip {name}{more}")
        raise error
    if not more and name in str(error):
        raise error
    raise UserError(f"{error}{more}" if name in str(error) else f"clip {name}: {error}{more}") from error
