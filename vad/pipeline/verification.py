"""A run's files against the checksums that DVC keeps: the workspace against dvc.lock, the cache against its names.

A damaged file of the workspace may be the cache's own: where the file system cannot copy on write, both are one file
under two names (hard links), and DVC takes what it linked itself at its word. Hence both are looked at, and mended
together.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vad.pipeline import sums

DVC_TMP = Path(".dvc/tmp")
LOOKS = 5  # at a file that another process may be writing


@dataclass(frozen=True)
class Problem:
    """A file that is not what it should be.

    Attributes:
        path: where it is, or should be.
        what: "damaged", "missing" or "unknown" (in an output folder, but not in dvc.lock's list of it).
    """

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path} is {self.what}"


def of_workspace(cache: Path, lock: Path = sums.LOCK) -> Iterator[Problem]:
    """Outputs that differ from dvc.lock. Those that are not there at all are no problem: DVC brings or makes them.

    Args:
        cache: DVC's cache, in which folders are listed file by file; without its list a folder is judged as a whole.
    """
    for name, digest in sorted(sums.outputs(lock).items()):
        path = Path(name)
        if not path.exists():
            continue
        if not digest.endswith(".dir"):
            if path.is_dir() or md5(path) != digest:
                yield Problem(path, "damaged")
        elif not path.is_dir():
            yield Problem(path, "damaged")
        elif sums.folder_digest(path) != digest:
            listed = _listing(cache, digest)
            yield from _of_folder(path, listed) if listed is not None else [Problem(path, "damaged")]


def _of_folder(folder: Path, listed: dict[str, str]) -> Iterator[Problem]:
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for name in sorted(there.keys() | listed.keys()):
        if name not in there:
            yield Problem(folder / name, "missing")
        elif name not in listed:
            yield Problem(folder / name, "unknown")
        elif md5(there[name]) != listed[name]:
            yield Problem(folder / name, "damaged")


def _listing(cache: Path, digest: str) -> dict[str, str] | None:
    """Relative path -> MD5 of a folder's files; None where the cache has no such list, or a damaged one."""
    path = cache / "files" / "md5" / digest[:2] / digest[2:]
    if not path.exists() or md5(path) != digest.removesuffix(".dir"):
        return None
    return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_text())}


def of_locks(folder: Path = DVC_TMP) -> Iterator[Problem]:
    """DVC's note of who reads and writes what, where a ``dvc`` that was killed left it half-written.

    DVC writes it in place, and then refuses every command with "Unable to read RWLock-file"; where there is none, it
    starts a new one. One that is being written right now is whole a moment later.
    """
    path = folder / "rwlock"
    for attempt in range(LOOKS):
        try:
            json.loads(path.read_text(encoding="utf-8"))
            return
        except FileNotFoundError:
            return
        except ValueError:
            time.sleep(0.1 if attempt < LOOKS - 1 else 0)
    yield Problem(path, "damaged")


def mend(problem: Problem) -> None:
    """Remove what is damaged, a file or a folder, if it is there; ``dvc repro`` makes it again."""
    if problem.path.is_dir():
        shutil.rmtree(problem.path)
    else:
        problem.path.unlink(missing_ok=True)


def objects(cache: Path) -> list[Path]:
    """Every object of the cache: its name is the MD5 of its content."""
    return sorted(path for path in (cache / "files" / "md5").glob("??/*") if len(path.name.removesuffix(".dir")) == 30)


def is_sound(path: Path) -> bool:
    """Whether an object of the cache holds what its name says."""
    return md5(path) == path.parent.name + path.name.removesuffix(".dir")


def md5(path: Path) -> str:
    """The MD5 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
