"""What is in a folder: videos, pictures and folders in the order of their numbers. Hidden files are passed over."""

import re
from pathlib import Path

VIDEO_SUFFIXES = {
    *(".avi", ".mp4", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg", ".webm", ".wmv", ".asf", ".flv", ".ts", ".mts", ".m2ts"),
    *(".vob", ".3gp", ".ogv", ".dv", ".mxf"),
}
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"}


def natural(name: str) -> tuple:
    """Sort key under which 2 comes before 10; only the digits 0 to 9 make a number."""
    return tuple(int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name)))


def videos_in(folder: Path) -> list[Path]:
    """The video files in ``folder``; none if it is not there."""
    return [path for path in _visible(folder) if path.suffix.lower() in VIDEO_SUFFIXES]


def pictures_in(folder: Path) -> list[Path]:
    """The picture files in ``folder``, in frame order; none if it is not there."""
    return [path for path in _visible(folder) if path.suffix.lower() in PICTURE_SUFFIXES]


def folders_in(folder: Path) -> list[Path]:
    """The folders in ``folder``; none if it is not there."""
    return [path for path in _visible(folder) if path.is_dir()]


def has_folder(root: Path, *names: str) -> bool:
    """Whether ``root`` has any of these folders, in exactly that spelling: some file systems take Train for train."""
    return any(root / name in folders_in((root / name).parent) for name in names)


def describe(folder: Path, most: int = 8) -> str:
    """The first entries of ``folder``, for a message."""
    entries = [f"{path.name}/" if path.is_dir() else path.name for path in _visible(folder)]
    rest = [f"and {len(entries) - most} more"] if len(entries) > most else []
    return ", ".join(entries[:most] + rest) or "an empty folder"


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        (p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda path: (natural(path.name), path.name)
    )
