"""Where things are while they are being written: outside every folder that a stage reads, on the same file system.

Each writer has a folder of its own and holds a lock on it (``flock``: the kernel lets go of it when the process ends,
however it ends), so what a killed process left is told from what is being written, and swept at the next start.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vad.pipeline.errors import UserError

# Below the project's root; git and DVC ignore both. The second serves where data/ lies on another disk.
FOLDERS = (Path("data/.tmp"), Path(".tmp"))
LOCKS = FOLDERS[0] / "locks"
NO_ROOM = 1 << 20  # bytes: what is left of a full disk when a block did not fit


@contextmanager
def holder(path: Path) -> Iterator[Path]:
    """An empty folder on the file system of ``path`` that is gone after the block."""
    base = _base(path)
    base.mkdir(parents=True, exist_ok=True)
    with _lock(base):
        folder = Path(tempfile.mkdtemp(prefix=f".writing-{os.getpid()}-", dir=base))
        held = _try_lock(folder)
    try:
        yield folder
    except Exception as error:
        if not isinstance(error, UserError) and is_full(folder, error):
            raise UserError(f"the disk is full while writing {path}: free some space and run again") from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def is_full(folder: Path, error: BaseException | None = None) -> bool:
    """Whether the file system of ``folder`` has no room left, or a quota ended what ``error`` came from.

    Libraries word a failed write as they like (NumPy counts elements, PyTorch positions), so the file system is asked,
    while what was written last still lies on it.
    """
    while error is not None:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    left = os.statvfs(folder)
    blocks = left.f_bfree if os.geteuid() == 0 else left.f_bavail
    return blocks * left.f_frsize < NO_ROOM or (left.f_files > 0 and left.f_favail == 0)


def sweep() -> None:
    """Remove what killed processes left half-written, also where earlier revisions put it: beside what they wrote."""
    beside = {path.parent for pattern in (".writing-*", "*/.writing-*") for path in Path("data").glob(pattern)}
    for base in {*FOLDERS, *beside, Path("metrics"), Path("plots"), Path("plots/data"), Path("report")}:
        _sweep(base)


def _sweep(base: Path) -> None:
    if not base.is_dir():
        return
    with _lock(base):
        for leftover in base.glob(".writing-*"):
            held = _try_lock(leftover)
            if held is not None:  # nobody writes there
                shutil.rmtree(leftover, ignore_errors=True)
                os.close(held)


def _base(path: Path) -> Path:
    """The scratch folder for ``path``: the project's own, or ``path``'s folder for what lies elsewhere."""
    parent = path.parent
    if parent.resolve().is_relative_to(Path.cwd()):
        device = _device(parent)
        for folder in FOLDERS:
            if _device(folder) == device:
                return folder
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    return parent


def _device(folder: Path) -> int:
    """The file system of a folder, or of the one that it would be made in."""
    while not folder.exists():
        folder = folder.absolute().parent
    return os.stat(folder).st_dev


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Hold the lock of stage ``name``.

    Raises:
        UserError: another process runs the same stage in this folder.
    """
    LOCKS.mkdir(parents=True, exist_ok=True)
    path = LOCKS / name.replace("/", "_")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise UserError(
            f"process {other} is writing this stage's outputs already: wait for it, or end it with 'kill {other}'"
        ) from None
    except OSError:
        pass  # a file system without locks: nobody can be told apart, and nothing is refused
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Between making a folder and locking it, nobody sweeps."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _try_lock(folder: Path) -> int | None:
    """A descriptor that holds the lock of ``folder``; None where another process holds it or there are no locks."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
