"""The clips with one label each as they lie on disk: the folder ``weak`` and ``weak_labels.csv`` (clip,label).

A clip is a video, or a folder of pictures named by their frame numbers, of which there may be gaps; of several cameras,
each in the camera's folder. They get cameras, names and frame rates by the rules of all other clips.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from vad.data import weak_labels
from vad.data.clips import RawClip, raw_clip
from vad.data.listing import describe, folders_in, pictures_in, videos_in
from vad.data.tables import Names
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)

FOLDER = "weak"


def clips(root: Path, fps: Callable[[str], float]) -> list[RawClip]:
    """The weakly labelled clips of a data set, in name order; none where it has no ``weak_labels.csv``.

    Args:
        fps: frame rate of a clip of pictures, by its name.

    Raises:
        UserError: two clips of a camera have one name.
    """
    if not (root / weak_labels.CSV).exists():
        return []
    found: dict[str, Path] = {}
    cameras = [folder for folder in folders_in(root / FOLDER) if not pictures_in(folder)]
    for place in [root / FOLDER, *cameras]:
        there = [*videos_in(place), *(folder for folder in folders_in(place) if pictures_in(folder))]
        if place in cameras and not there:
            log.warning("%s holds neither a video nor a folder of pictures: %s", place, describe(place))
        for path in there:
            name = path.name if path.is_dir() else path.stem
            stem = (path.relative_to(root / FOLDER).parent / name).as_posix()
            if stem in found:
                raise UserError(f"{place}: two clips are named {name}; rename one of the files")
            found[stem] = path
    return [
        raw_clip(stem, "weak", path, fps(path.name) if path.is_dir() else None) for stem, path in sorted(found.items())
    ]


def labels(root: Path, found: Sequence[RawClip]) -> dict[str, int]:
    """``stem`` of each weakly labelled clip -> its label, 0 or 1; the list may leave out camera and suffix.

    Raises:
        UserError: the list names a clip that is not there or may be several, or one that is there has no label.
    """
    file = root / weak_labels.CSV
    if not file.exists():
        return {}
    if not found:
        raise UserError(f"{file} names {weak_labels.rows(file)[0][1]}, but {root / FOLDER} holds no clip")
    names = Names({clip.stem: clip.file for clip in found}, kind="weakly labelled")
    known: dict[str, int] = {}
    for where, written, label in weak_labels.rows(file):
        stem = names.find(written, where)
        if known.setdefault(stem, label) != label:
            raise UserError(f"{where}: {stem} has two labels")
    if unlabelled := [clip for clip in found if clip.stem not in known]:
        raise UserError(f"{unlabelled[0].source} has no label: add a row to {file} (clip,label) or move it away")
    return known
