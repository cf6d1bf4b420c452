"""A folder whose files are known by their digests: what was put into it, nothing else, unchanged.

``SHA256SUMS`` lists every other file, as ``sha256sum`` writes and checks it. Only kinds of files that hold no code are
let in. A digest tells a broken or a mixed-up copy from a whole one; it is no signature.
"""

import hashlib
import re
from pathlib import Path

from vad.pipeline.errors import UserError

SUMS = "SHA256SUMS"
KINDS = (".json", ".md", ".safetensors", ".parquet", ".onnx")
LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


def seal(folder: Path) -> None:
    """Write the digests of all files in ``folder``."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    (folder / SUMS).write_text("".join(f"{digest(folder / name)}  {name}\n" for name in names))


def check(folder: Path) -> None:
    """Refuse a folder that is not as it was sealed.

    Raises:
        UserError: what is wrong, in one line.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no bundle: there is no such folder; 'dvc repro export_bundle' makes data/bundle")
    sums = folder / SUMS
    if not sums.is_file():
        raise UserError(f"{folder} is no bundle: it has no {SUMS}; 'dvc repro export_bundle' makes one")
    listed = {}
    for line in sums.read_text(encoding="utf-8", errors="replace").splitlines():
        if (match := LINE.fullmatch(line)) is None:
            raise UserError(f"{sums} cannot be read: copy the bundle again")
        listed[match[2]] = match[1]
    for name in listed:
        path = Path(name)
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{folder}: '{name}' lies outside of the bundle: do not use it")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise UserError(f"{folder}: '{name}' is a link: a bundle holds its files itself; copy it again")
        if path.is_dir() or name == SUMS:
            continue
        if path.suffix not in KINDS:
            raise UserError(f"{folder}: '{name}' is no part of a bundle, which holds {', '.join(KINDS)}: do not use it")
        if name not in listed:
            raise UserError(f"{folder}: '{name}' was added later: remove it, or copy the bundle again")
    for name, expected in listed.items():
        if not (folder / name).is_file():
            raise UserError(f"{folder}: '{name}' is missing: copy the bundle again")
        if digest(folder / name) != expected:
            raise UserError(f"{folder}: '{name}' is not what was exported (its SHA-256 differs): copy the bundle again")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
