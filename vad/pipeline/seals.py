"""Files that carry the checksum of their own bytes: Parquet, .npz and .safetensors.

Each format has a place for free text (Parquet's key-value metadata, the comment at the end of a zip archive, the
``__metadata__`` of safetensors). There stands ``sha256=`` and the digest of all bytes of the file, taken with zeros in
its own place. Any other reader sees an ordinary file.
"""

import hashlib
import zipfile
from pathlib import Path

from vad.pipeline.errors import Damaged

MARK, DIGITS = b"sha256=", 64
EMPTY = MARK + b"0" * DIGITS


def seal(path: Path) -> None:
    """Write the digest of the file at ``path`` into the place that holds :data:`EMPTY`."""
    if path.suffix == ".npz":
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = EMPTY
    content = path.read_bytes()
    place = _place(path, content)
    if place < 0:
        raise ValueError(f"{path} has no place for its checksum")
    with open(path, "r+b") as file:
        file.seek(place + len(MARK))
        file.write(hashlib.sha256(content).hexdigest().encode())


def unsealed(path: Path) -> bytes:
    """The bytes of the file at ``path``, found to be those that were written.

    A file without a checksum (another program's) passes; its own format has to notice what is wrong with it.

    Raises:
        Damaged: they are not.
    """
    content = path.read_bytes()
    place = _place(path, content)
    if place < 0:
        if not content:
            raise Damaged(path, "it is empty")
        return content
    digest, start = hashlib.sha256(memoryview(content)[:place]), place + len(EMPTY)
    digest.update(EMPTY)
    digest.update(memoryview(content)[start:])
    if digest.hexdigest().encode() != content[place + len(MARK) : start]:
        raise Damaged(path, "its checksum differs")
    return content


def _place(path: Path, content: bytes) -> int:
    """Where the mark stands: safetensors begin with their metadata, the others end with theirs."""
    return content.find(MARK) if path.suffix == ".safetensors" else content.rfind(MARK)
