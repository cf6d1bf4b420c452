"""Results of single clips, kept: what was computed once of a clip is not computed again when others come beside it.

An entry is a folder named by the digest of all that its content depends on: the clip's bytes, the parameters or fitted
state, the code, the versions of what computes. It holds the files that were made of the clip, the value returned and
the checksums of all of them, which are compared before an entry is used: a damaged one is removed, and computed again.
Files are hard links where the file system lets them be, so that an entry takes no room beside the output made of it.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import pickle
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vad.pipeline import scratch
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)

FOLDER = Path("data/.cache")  # below the project's root; git and DVC ignore it
LIMIT = 20.0  # GiB, unless VAD_CACHE_GIB says otherwise
SUMS, VALUE = "sums.json", "value.pickle"
MISS = object()
RESERVE = 1 << 30  # bytes of the disk that are left to others


def limit() -> int:
    """Bytes that the entries may take: ``VAD_CACHE_GIB``, 0 for no cache. Never a tracked parameter.

    Raises:
        UserError: it is no number.
    """
    text = os.environ.get("VAD_CACHE_GIB", f"{LIMIT}")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise UserError(f"VAD_CACHE_GIB={text} is no number of GiB; 0 keeps nothing")
    return int(value * 2**30)


@dataclass(frozen=True)
class ClipCache:
    """The entries below ``folder``."""

    folder: Path = FOLDER

    def take(self, key: str, into: Mapping[str, Path]) -> Any:
        """The value kept under ``key``, its files put into the folders ``into``; :data:`MISS` where there is none."""
        entry = self._entry(key)
        try:
            sums = json.loads((entry / SUMS).read_text())
            there = {file.relative_to(entry).as_posix() for file in _files(entry)}
            if there != {SUMS, *sums} or VALUE not in sums:
                raise ValueError("other files than were put there")
            if any(_sum(entry / name) != digest for name, digest in sums.items()):
                raise ValueError("a checksum differs")
            value = pickle.loads((entry / VALUE).read_bytes())
            for name in sums:
                if name != VALUE:
                    place(entry / name, into[Path(name).parts[0]] / Path(name).name)
            os.utime(entry)  # used last: removed last
            return value
        except FileNotFoundError:
            if not entry.exists():
                return MISS
        except (ValueError, KeyError, TypeError, EOFError, AttributeError, ImportError, pickle.UnpicklingError):
            pass
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR):
                raise  # the disk is full: where the files should go
            log.warning("%s cannot be read (%s): its clip is computed again", entry, error.strerror)
            return MISS
        log.warning("%s is damaged: it is removed, and its clip computed again", entry)
        shutil.rmtree(entry, ignore_errors=True)
        return MISS

    def has(self, key: str) -> bool:
        """Whether something is kept under ``key``; whether it is whole shows when it is taken."""
        return (self._entry(key) / SUMS).exists()

    def put(self, key: str, made: Path, value: Any) -> None:
        """Keep ``value`` and the files in the folders of ``made``. A disk without room for it is no error.

        Nothing is kept when hardly any room is left: without hard links an entry would take what the outputs need.
        """
        entry = self._entry(key)
        if shutil.disk_usage(made).free < RESERVE:
            return
        with contextlib.suppress(OSError, UserError), scratch.holder(entry) as holder:
            new = holder / "entry"
            new.mkdir()
            (new / VALUE).write_bytes(pickle.dumps(value))
            for file in _files(made):
                name = file.relative_to(made)
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                place(file, new / name)
            sums = {file.relative_to(new).as_posix(): _sum(file) for file in _files(new)}
            (new / SUMS).write_text(json.dumps(sums, indent=1, sort_keys=True))
            entry.parent.mkdir(parents=True, exist_ok=True)
            os.rename(new, entry)  # where another node was faster, its entry, the same, stays

    def trim(self, most: int) -> None:
        """Remove the entries that were used longest ago until the others take at most ``most`` bytes."""
        entries = []
        for entry in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):
                size = sum(file.stat().st_size for file in _files(entry))
                entries.append((entry.stat().st_mtime, size, entry))
        total = sum(size for _, size, _ in entries)
        for _, size, entry in sorted(entries, key=lambda item: item[0]):
            if total <= most:
                return
            shutil.rmtree(entry, ignore_errors=True)
            total -= size

    def _entry(self, key: str) -> Path:
        return self.folder / key[:2] / key


def place(file: Path, to: Path) -> None:
    """``file`` at ``to`` as well, by a hard link where that can be; what is there is replaced."""
    to.unlink(missing_ok=True)
    try:
        os.link(file, to)
    except OSError:
        shutil.copyfile(file, to)


def content(*paths: Path | None) -> str:
    """SHA-256 of files, of folders with the names in them, and of what is not there."""
    sha = hashlib.sha256()
    for path in paths:
        if path is None or not path.exists():
            sha.update(b"none\0")
        elif path.is_dir():
            files = list(_files(path))
            sha.update(f"folder of {len(files)}\0".encode())
            for file in files:
                sha.update(os.fsencode(file.relative_to(path).as_posix()) + f"\0{_sum(file)}\0".encode())
        else:
            sha.update(f"file {_sum(path)}\0".encode())
    return sha.hexdigest()


def _sum(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())
