"""A clip as it lies on disk, its camera and the name that it goes by in the frame store."""

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vad.data.intervals import Intervals
from vad.data.tables import read_csv, shown, some
from vad.pipeline import naming
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)

SCENE_IN_NAME = re.compile(r"([0-9]{2})_[0-9]{2,4}")  # ShanghaiTech's 01_0014 is scene 01
ONE_SCENE = "01"  # of all clips where nothing tells cameras apart


@dataclass(frozen=True)
class RawClip:
    """One clip of a data set as it lies on disk.

    Attributes:
        name: unique in the data set; ``stem`` is the name that the data set itself uses, with the camera's folder
            before it where there is one (``gate/friday``).
        scene: the camera: a model of the place is fitted per scene.
        split: "train", "test" or "weak", whose clips have one label each.
        pixels: a video file, or a folder with one picture per frame; None for a clip known by its tracks alone.
        fps: frames per second where the layout or the user says so; None: as the video file says.
        labels: a ``.npy`` of 0/1 per frame, or intervals; None: a training clip, or labels follow from the masks.
        masks: pixel masks: a ``.npy`` (T, H, W), a folder of pictures or a ``.mat`` with ``volLabel``.
        tracks: person boxes (see vad.data.track_files).
    """

    name: str
    stem: str
    scene: str
    split: str
    pixels: Path | None
    fps: float | None
    labels: Path | Intervals | None = None
    masks: Path | None = None
    tracks: Path | None = None

    @property
    def file(self) -> str:
        """``stem`` with the suffix of the video."""
        suffix = self.pixels.suffix if self.pixels is not None and not self.pixels.is_dir() else ""
        return self.stem + suffix

    @property
    def source(self) -> Path:
        """The pixels, or the tracks of a clip that is known by them alone."""
        source = self.pixels or self.tracks
        assert source is not None, f"{self.name} has neither pixels nor tracks"
        return source


def raw_clip(stem: str, split: str, pixels: Path | None, fps: float | None, **annotation: Any) -> RawClip:
    """A clip whose scene is the folder in ``stem``, else the number before its own, as ShanghaiTech has it."""
    camera, _, own = stem.rpartition("/")
    number = SCENE_IN_NAME.fullmatch(own)
    scene = camera or (number.group(1) if number else ONE_SCENE)
    return RawClip(stem, stem, scene, split, pixels, fps, **annotation)


def with_cameras(clips: Sequence[RawClip], file: Path) -> list[RawClip]:
    """The clips with the scenes that ``clips.csv`` (clip,camera) gives them, as they are where there is none.

    A clip may be written with or without its suffix and with or without ``train/``, ``test/`` or ``weak/`` before it.
    """
    if not file.exists():
        return list(clips)
    wanted: dict[str, str] = {}
    lines: dict[str, str] = {}
    known = {text for clip in clips for text in _called(clip)}
    for where, (written, camera) in read_csv(file, ["clip", "camera"]):
        row = written if written in known else written.replace("\\", "/")
        if not camera:
            raise UserError(f"{where}: clip {shown(written)} has no camera")
        if wanted.setdefault(row, camera) != camera:
            raise UserError(f"{where}: clip {shown(written)} has another camera than before")
        lines[row] = where
    found, used = [], set()
    for clip in clips:
        key = next((text for text in _called(clip) if text in wanted), None)
        if key is None:
            raise UserError(f"{file} has no row for {clip.split} clip {clip.file}; it must name every clip's camera")
        used.add(key)
        found.append(replace(clip, scene=wanted[key]))
    if unused := [key for key in wanted if key not in used]:
        raise UserError(f"{lines[unused[0]]}: there is no clip {shown(unused[0])}")
    return found


def _called(clip: RawClip) -> list[str]:
    """What a table may call a clip, the most exact first."""
    bare = [clip.file, clip.stem, clip.stem.rpartition("/")[2]]
    return [*(f"{clip.split}/{name}" for name in bare), *bare]


def warn_of_unseen_cameras(clips: Sequence[RawClip]) -> None:
    """Say which cameras have other clips but no training clip: they are judged by what other cameras show."""
    trained = {clip.scene for clip in clips if clip.split == "train"}
    if unseen := sorted({clip.scene for clip in clips} - trained):
        log.warning("no training clip of camera %s: its other clips are judged by the others' models", some(unseen))


def with_unique_names(clips: Sequence[RawClip]) -> list[RawClip]:
    """The clips under names that occur once: the camera, then the split is put before them where it takes that."""
    for name in (
        lambda clip: clip.stem.rpartition("/")[2],
        lambda clip: clip.stem.replace("/", "_"),
        lambda clip: f"{clip.split}_{clip.stem.replace('/', '_')}",
    ):
        named = [replace(clip, name=name(clip)) for clip in clips]
        counts = Counter(clip.name for clip in named)
        if max(counts.values(), default=0) <= 1:
            _check_names(named)
            return named
    double = next(clip for clip in named if counts[clip.name] > 1)
    raise UserError(f"{double.source.parent}: two clips are named {double.stem}; rename one")


def _check_names(clips: Sequence[RawClip]) -> None:
    """Both are names of files: of frames and maps, and of what is known of a scene."""
    for clip in clips:
        for what, name in (("clip", clip.name), ("camera", clip.scene)):
            if reason := naming.why_no_file(name):
                where = ascii(str(clip.source))[1:-1]
                raise UserError(
                    f"{where}: '{ascii(shown(name))[1:-1]}' cannot be the name of a {what}: {reason}; rename it"
                )
