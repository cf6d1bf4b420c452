"""What a block of code writes, wherever: seen by an audit hook, and by what has changed on the disk."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Event of the interpreter -> which of its arguments are paths that are made, changed or removed, and which the
# descriptors of the folders that these may be relative to.
CHANGES = {
    "os.mkdir": {0: 2}, "os.rename": {0: 2, 1: 3}, "os.remove": {0: 1}, "os.rmdir": {0: 1}, "os.link": {1: 3},
    "os.symlink": {1: 2}, "os.truncate": {0: None}, "os.chmod": {0: 2}, "os.chown": {0: 3}, "os.utime": {0: 3},
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_seen: list[str] | None = None
_hooked = False


def _hook(event: str, arguments: tuple) -> None:
    if _seen is None:
        return
    if event == "open":
        path, _, flags = arguments
        paths = [(path, -1)] if isinstance(flags, int) and flags & WRITING else []
    else:
        places = CHANGES.get(event, {}).items()
        paths = [(arguments[path], -1 if folder is None else arguments[folder]) for path, folder in places]
    for path, folder in paths:
        if isinstance(path, str | bytes | os.PathLike):  # a number is a descriptor that was opened before
            base = os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else os.getcwd()
            _seen.append(os.path.normpath(os.path.join(base, os.fsdecode(path))))


@contextmanager
def watched() -> Iterator[list[str]]:
    """The absolute paths that Python's own functions make, change or remove meanwhile."""
    global _seen, _hooked
    if not _hooked:
        sys.addaudithook(_hook)  # there is no way to take it away again
        _hooked = True
    before, _seen = _seen, []
    try:
        yield _seen
    finally:
        _seen = before


def outside(paths: list[str], *allowed: Path) -> list[str]:
    """Those of ``paths`` that lie in none of the folders ``allowed``; bytecode and devices are nobody's input."""
    nobodys = ("/dev/", "/proc/")
    return sorted(
        {
            path
            for path in paths
            if not path.startswith(nobodys) and "__pycache__" not in path
            and not any(Path(path).is_relative_to(folder) for folder in allowed)
        }
    )  # fmt: skip


def contents(folder: Path, but: tuple[Path, ...] = ()) -> dict[str, str]:
    """Every path below ``folder``, outside ``but``, with what is there: also libraries in C cannot change it unseen."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) not in but]
        for name in [*folders, *files]:
            path = Path(place, name)
            if path.is_symlink():
                found[str(path)] = f"-> {os.readlink(path)}"
            else:
                found[str(path)] = "folder" if path.is_dir() else hashlib.md5(path.read_bytes()).hexdigest()
    return found
