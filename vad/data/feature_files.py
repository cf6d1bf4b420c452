"""Snippet features as the field passes them round: read lazily, whatever their form.

``.npy``: (T, D), or (T, C, D) with C crops (ten-crop I3D: 10); ``name__0.npy`` ... ``name__4.npy``: one file per crop
(XD-Violence); ``.txt``: a row per segment (UCF-Crime's C3D: 32 rows of 4,096 values).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vad.data.annotations import load_npy
from vad.pipeline.errors import UserError

CROP = re.compile(r"(.+)__(\d+)")
SUFFIXES = {".npy", ".txt"}
# What the field appends to a video's name when it names the file of its features.
ENDINGS = re.compile(r"(_i3d|_c3d|_clip|_rgb|\.mp4|\.avi)$", re.IGNORECASE)


@dataclass(frozen=True)
class FeatureFile:
    """One video's snippet features on disk.

    Attributes:
        paths: one file, or one per crop. crops: views of each snippet; dim: D.
    """

    name: str
    paths: tuple[Path, ...]
    crops: int
    dim: int

    @classmethod
    def open(cls, name: str, paths: tuple[Path, ...]) -> "FeatureFile":
        """Look at the first file's shape.

        Raises:
            UserError: it is no array of (T, D) or (T, C, D).
        """
        shape = _shape(paths[0])
        return cls(name, paths, len(paths) if len(paths) > 1 else (shape[1] if len(shape) == 3 else 1), shape[-1])

    def read(self, crop: int = 0) -> np.ndarray:
        """(T, D) features of one crop; of a .npy only the rows that are then used are read from disk.

        Raises:
            UserError: the file cannot be read, or its values are not finite.
        """
        values = _array(self.paths[crop] if len(self.paths) > 1 else self.paths[0])
        if values.ndim == 3:
            values = values[:, crop]
        if values.ndim != 2 or values.shape[1] != self.dim or not len(values):
            raise UserError(f"{self.paths[0]}: {values.shape} is not (snippets, {self.dim}) like the other features")
        return values


def find(folder: Path) -> dict[str, FeatureFile]:
    """Video name -> its features, for all files below ``folder``.

    Raises:
        UserError: there is none, two videos have one name, or their dimensions differ.
    """
    grouped: dict[str, dict[int, Path]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES and not p.name.startswith(".")):
        match = CROP.fullmatch(path.stem)
        name, crop = (match[1], int(match[2])) if match else (path.stem, 0)
        if crop in grouped.setdefault(plain(name), {}):
            raise UserError(f"{path}: {grouped[plain(name)][crop]} is of the same video; remove one of them")
        grouped[plain(name)][crop] = path
    if not grouped:
        raise UserError(f"{folder} holds no features, one file per video: .npy of (T, D) or (T, crops, D), or .txt")
    found = {
        name: FeatureFile.open(name, tuple(crops[crop] for crop in sorted(crops))) for name, crops in grouped.items()
    }
    dims = {one.dim: one for one in found.values()}
    if len(dims) > 1:
        (a, first), (b, second) = sorted(dims.items())[:2]
        raise UserError(f"features differ: {first.paths[0]} has {a} values a snippet, {second.paths[0]} has {b}")
    return found


def plain(name: str) -> str:
    """A video's name without what is appended to it in the names of feature files, and without folders."""
    name = name.rsplit("/", 1)[-1]
    while (shorter := ENDINGS.sub("", name)) != name:
        name = shorter
    return name


def _shape(path: Path) -> tuple[int, ...]:
    shape = _array(path).shape
    if len(shape) not in (2, 3) or 0 in shape:
        raise UserError(f"{path}: {shape} is not (snippets, values) nor (snippets, crops, values)")
    return shape


def _array(path: Path) -> np.ndarray:
    try:
        if path.suffix == ".npy":
            if (values := load_npy(path)).dtype.kind not in "biuf":
                raise UserError(f"{path}: features must be numbers, found an array of {values.dtype}")
            return values
        return np.loadtxt(path, dtype=np.float32, ndmin=2)
    except (ValueError, OSError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a file of features (.npy, or .txt of numbers): {reason}") from None
