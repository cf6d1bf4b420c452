"""Checksums of JSON and CSV files, which have no place for their own.

What was written last in this folder is kept in ``data/.tmp/sums``; what DVC brought from its cache, or Git from a
commit, is known to ``dvc.lock``. A file that is neither was damaged on the disk, or edited.
"""

import contextlib
import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import yaml

from vad.pipeline.errors import Damaged
from vad.pipeline.scratch import FOLDERS

SUMS = FOLDERS[0] / "sums"
TEXT = (".json", ".csv")
LOCK = Path("dvc.lock")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def remember(path: Path) -> None:
    """Keep the checksums of the text files at or below ``path``, which were just written."""
    files = path.rglob("*") if path.is_dir() else [path]
    for file in files:
        if file.suffix in TEXT and (name := _name(file)) is not None and not name.startswith(str(FOLDERS[0])):
            SUMS.mkdir(parents=True, exist_ok=True)
            record = SUMS / quote(name, safe="")
            fresh = record.with_name(f"{record.name}.{os.getpid()}")
            fresh.write_text(hashlib.sha256(file.read_bytes()).hexdigest())
            os.replace(fresh, record)


def check(path: Path, content: bytes) -> None:
    """Compare the ``content`` of the text file at ``path`` with what is known of it.

    Raises:
        Damaged: it is not what was written here last, nor what dvc.lock has. Where nothing was written here, a file
            that differs from dvc.lock passes unless DVC itself runs the stage: it may be from another revision.
    """
    if (name := _name(path)) is None:
        return
    written = None
    with contextlib.suppress(OSError):
        written = (SUMS / quote(name, safe="")).read_text()
    if written == hashlib.sha256(content).hexdigest():
        return
    locked = _as_locked(name, content)
    if locked or (written is None and (locked is None or "DVC_STAGE" not in os.environ)):
        return
    raise Damaged(path, "it is neither what was written nor what dvc.lock has")


def _name(path: Path) -> str | None:
    """The path below the project's root; None for what lies elsewhere."""
    full, root = Path(os.path.abspath(path)), Path.cwd()
    return full.relative_to(root).as_posix() if full.is_relative_to(root) else None


def _as_locked(name: str, content: bytes) -> bool | None:
    """Whether dvc.lock has these bytes under ``name``; None where it says nothing about it."""
    locked = outputs()
    if name in locked:
        return _md5(content) == locked[name]
    for folder in Path(name).parents:
        if (digest := locked.get(folder.as_posix())) is not None:
            return folder_digest(folder) == digest
    return None


def outputs(lock: Path = LOCK) -> dict[str, str]:
    """Path -> MD5 of every output in dvc.lock, folders' with ``.dir``; empty where there is no such file.

    DVC keeps what it locked of stages that dvc.yaml has no more; these are passed over.
    """
    return _outputs(lock, lock.stat().st_mtime_ns) if lock.exists() else {}


@lru_cache(1)
def _outputs(lock: Path, _: int) -> dict[str, str]:
    pipeline = lock.with_name("dvc.yaml")
    try:
        stages = (yaml.load(lock.read_text(), _Loader) or {}).get("stages", {})
        if pipeline.exists():
            known = yaml.load(pipeline.read_text(), _Loader)["stages"]
            stages = {name: stage for name, stage in stages.items() if name.partition("@")[0] in known}
        return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", []) if "md5" in out}
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError, KeyError):
        return {}  # DVC says what is wrong with its own file


def folder_digest(folder: Path) -> str:
    """What DVC calls the content of a folder: the MD5 of the list of its files' MD5s, and ``.dir``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    entries = [{"md5": _md5(path.read_bytes()), "relpath": path.relative_to(folder).as_posix()} for path in files]
    entries.sort(key=lambda entry: entry["relpath"])
    return _md5(json.dumps(entries, sort_keys=True).encode()) + ".dir"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
