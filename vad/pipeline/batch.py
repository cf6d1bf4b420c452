"""The clips of one call of ``vad.pipeline.executor.map_clips``, as they travel to whoever does them."""

import contextlib
import errno
import hashlib
import os
import pickle
import platform
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from vad.pipeline import clip_cache, scratch, source, stage
from vad.pipeline.clip_cache import ClipCache
from vad.pipeline.errors import UserError


@runtime_checkable
class Keyed(Protocol):
    """A work whose results are kept.

    Attributes:
        code: modules, by dotted name, that it computes with beside the one that it is defined in.
    """

    code: tuple[str, ...]

    def key(self, clip: Any) -> str | None:
        """What the result depends on beside code and versions: the clip's content, parameters, fitted state.

        None where it cannot be told: then nothing is kept.
        """


@runtime_checkable
class Shared(Keyed, Protocol):
    """A work that can do others on the way, whose results are kept for whoever asks for them later."""

    def beside(self) -> "Sequence[Shared]":
        """The others."""

    def together(self, clip: Any, folders: Sequence[Path], others: "Sequence[Shared]") -> list[Any]:
        """The values of this work and of ``others``, each of which writes into its own of ``folders``.

        None for one of the others that failed: it says why when its own turn comes.
        """


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
            value = self._computed(clip, holder)
            if key is not None and self.cache is not None and self._still(key, clip):
                self.cache.put(key, holder, value)
            for name, folder in self.into.items():
                for file in (holder / name).iterdir():
                    os.replace(file, folder / file.name)
        return value

    def _computed(self, clip: Any, made: Path) -> Any:
        """The clip's value; those of works beside this one are kept, where nobody did them before."""
        if self.cache is None or not isinstance(self.work, Shared):
            return self.work(clip, made)
        beside = [replace(self, work=work) for work in self.work.beside()]
        keys = [(other, other._key(clip)) for other in beside]
        wanted = [(other, key) for other, key in keys if key is not None and not self.cache.has(key)]
        if not wanted:
            return self.work(clip, made)
        with contextlib.ExitStack() as holders:
            folders = [made]
            for _ in wanted:
                holder = holders.enter_context(tempfile.TemporaryDirectory(prefix=".clip-", dir=made.parent))
                folders.append(Path(holder))
                for name in self.into:
                    (folders[-1] / name).mkdir()
            value, *others = self.work.together(clip, folders, [other.work for other, _ in wanted])
            for (other, key), folder, own in zip(wanted, folders[1:], others, strict=True):
                if own is not None and other._still(key, clip):
                    self.cache.put(key, folder, own)
        return value

    def _key(self, clip: Any) -> str | None:
        if self.cache is None or not isinstance(self.work, Keyed):
            return None
        kind, code = type(self.work), (type(self.work).__module__, *self.work.code)
        if not source.known(kind.__module__) or not source.unchanged(code):
            return None
        if (of := self.work.key(clip)) is None:  # asked first: it may load PyTorch, which then says how many threads
            return None
        parts = {
            "work": kind.__qualname__,
            "into": sorted(self.into),
            "code": source.digest(code),
            "versions": {**source.versions(), "python": sys.version},
            "machine": (machine(), rounding()),
            "of": of,
        }
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def _still(self, key: str, clip: Any) -> bool:
        """Whether nothing changed that the clip's result depends on while it was computed."""
        try:
            return self._key(clip) == key
        except OSError:
            return False


def machine() -> tuple[str, int]:
    """Device and number of threads, without importing PyTorch, which not all need: by them, sums round."""
    if "torch" in sys.modules:
        import torch

        return stage.device(), torch.get_num_threads()
    device = os.environ.get("VAD_DEVICE") or ("cuda" if os.path.exists("/dev/nvidiactl") else "cpu")
    return device, int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def rounding() -> tuple[str, ...]:
    """What else sums round by: the processor's instructions, the card, BLAS' threads, the way to convolve."""
    blas = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))
    return _processor(), _card(machine()[0]), str(blas), os.environ.get("VAD_ONEDNN", "")


@cache
def _processor() -> str:
    """The name and the instructions of the first processor, as the kernel says them."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return platform.processor()
    wanted = ("model name", "flags", "Features", "CPU implementer", "CPU part")
    return platform.machine() + "".join(line for line in first.splitlines() if line.startswith(wanted))


def _card(device: str) -> str:
    """The accelerator's name; where PyTorch is not loaded, nothing is computed on it."""
    if not device.startswith("cuda") or "torch" not in sys.modules:
        return ""
    import torch

    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else ""


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


def _hopeless(error: Exception) -> bool:
    """Whether it is the machine that fails, so that no other clip can be done either."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE)


def name_of(clip: Any) -> str:
    """A clip is its name, or has one."""
    return clip if isinstance(clip, str) else clip.name
