"""A data set at an address of fsspec's (``s3://bucket/set``): lists and labels are brought here, videos when needed.

:func:`mirror` makes a folder that looks like the data set. Where a video belongs it puts a ticket, a small file of the
video's name that says where it lies and which version of it was seen; a ticket's content stands for the video's in the
cache of clips, so that one that did not change is not even fetched. Whoever reads a video asks :func:`fetched` for it:
on a cluster, each node fetches its own clips.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from vad.data.listing import VIDEO_SUFFIXES
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError

FOLDER = Path("data/.remote")  # below the project's root; git and DVC ignore it
TICKET = b'{"vad ticket": '
LONGEST = 10_000  # bytes of a ticket
EXACT = {"etag", "generation", "md5hash", "content_md5", "mtime"}
# What file systems say of a file's version, in lower case: S3, Google's, Azure's, SFTP, FTP, local ones.
VERSION = EXACT | {
    *("versionid", "version_id", "lastmodified", "last_modified", "updated", "modify", "modified", "created")
}


def is_address(root: str) -> bool:
    """Whether ``root`` is no path of this machine's."""
    return "://" in root


def mirror(root: str, folder: Path = FOLDER) -> Path:
    """The folder that stands for the data set at ``root``; only what changed since the last time is fetched.

    Raises:
        UserError: it cannot be read.
    """
    into = folder / sha256(root.encode()).hexdigest()[:16]
    with _one_line(root):
        system, base = _system(root)
        system.invalidate_cache()
        there = system.find(base, detail=True)
    if not there:
        raise UserError(f"data.root = {root} is not there, or holds nothing")
    names = {path: Path(path).relative_to(base).as_posix() for path in sorted(there)}
    if bad := [name for name in names.values() if ".." in Path(name).parts]:
        raise UserError(f"{root} holds a file called {bad[0]}, which would lie outside of it")
    for path, name in names.items():
        _bring(root, system, path, into / name, _version(there[path]))
    for file in [file for file in into.rglob("*") if file.is_file() and ".version" not in file.suffixes]:
        if file.relative_to(into).as_posix() not in names.values():
            file.unlink()
    return into


def _version(info: dict[str, Any]) -> dict[str, str]:
    """What changes when a file does, as its file system words it; where it says nothing but a size, that it is now."""
    found = {key: str(value) for key, value in sorted(info.items()) if key.lower() in VERSION and value is not None}
    return {"size": str(info.get("size")), **(found or {"listed": str(time.time_ns())})}


def _bring(root: str, system: Any, path: str, to: Path, version: dict[str, str]) -> None:
    if to.suffix.lower() in VIDEO_SUFFIXES:
        text = json.dumps({"vad ticket": f"{root.partition('://')[0]}://{path}", **version})
        if not to.exists() or to.read_text() != text:
            with artifacts.replacing(to) as new:
                new.write_text(text)
        return
    seen = to.with_name(f".{to.name}.version")
    if to.exists() and seen.exists() and seen.read_text() == json.dumps(version):
        return
    with _one_line(root), artifacts.replacing(to) as new:
        system.get_file(path, str(new))
    seen.write_text(json.dumps(version))


@contextmanager
def fetched(path: Path | None) -> Iterator[Path | None]:
    """``path`` itself; for a ticket, the video that it stands for, here until the block ends.

    Raises:
        UserError: it cannot be read, or is not the one that was seen.
    """
    ticket = _ticket(path)
    if path is None or ticket is None:
        yield path
        return
    address = ticket["vad ticket"]
    folder = Path(tempfile.mkdtemp(prefix="vad-"))
    try:
        with _one_line(address):
            system, there = _system(address)
            system.get_file(there, str(folder / path.name))
            system.invalidate_cache()
            now = _version(system.info(there))
        # Dates may be written otherwise for one file than in a list.
        same = all(now.get(key, value) == value for key, value in ticket.items() if key.lower() in EXACT)
        if not same or ticket["size"] != str((folder / path.name).stat().st_size):
            raise UserError(f"{address} has changed since it was listed: run again")
        yield folder / path.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ticket(path: Path | None) -> dict[str, str] | None:
    if path is None or not path.is_file() or path.stat().st_size > LONGEST:
        return None
    content = path.read_bytes()
    return json.loads(content) if content.startswith(TICKET) else None


def _system(address: str) -> tuple[Any, str]:
    import fsspec

    return fsspec.core.url_to_fs(address)


@contextmanager
def _one_line(address: str) -> Iterator[None]:
    """What a file system far away says, as one line that says how to go on."""
    try:
        yield
    except UserError:
        raise
    except ImportError as error:
        raise UserError(f"{address}: {error}; for s3:// pip install '.[s3]'") from None
    except Exception as error:
        raise UserError(
            f"{address} cannot be read: {' '.join(str(error).split())[:200] or type(error).__name__}"
        ) from None
