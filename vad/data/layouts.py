"""Data sets on disk: which layout a folder has, and the clips in it. Nothing is decoded or written here.

The layouts, drawn as trees with where each data set comes from, are in data/README.md.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from vad.data import annotations, matlab, weak_folder
from vad.data.clips import SCENE_IN_NAME, RawClip, raw_clip, warn_of_unseen_cameras, with_cameras, with_unique_names
from vad.data.intervals import Intervals
from vad.data.listing import describe, folders_in, has_folder, natural, videos_in
from vad.data.tables import Names
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section

log = logging.getLogger(__name__)


Side = Annotated[int, pydantic.Field(ge=16, le=20_000)]


class Params(Section):
    """Section ``data`` of params.yaml: which data set, and what of it cannot be seen from the files."""

    root: str = pydantic.Field(min_length=1)
    layout: Literal["auto", "shanghaitech", "ucsd", "frames", "avenue", "folder"]
    fps: float | None = pydantic.Field(gt=0, le=1000)
    size: Annotated[list[Side], pydantic.Field(min_length=2, max_length=2)] | None

    @pydantic.field_validator("root")
    @classmethod
    def _own_folder(cls, root: str) -> str:
        if root.startswith("~"):
            raise ValueError("should be a path in full: DVC takes '~' for a folder's name")
        if "://" in root:
            return root
        path, project = Path(root).resolve(), Path.cwd()
        if project.is_relative_to(path) or path == project / "data":
            raise ValueError("should be the data set's own folder, such as data/raw/<name>: this one holds the outputs")
        return root


@dataclass(frozen=True)
class Layout:
    """How one family of data sets lies on disk: its looks, what it is recognised by, and its clips by split."""

    name: str
    tree: str
    recognise: Callable[[Path], bool]
    train: Callable[[Path], list[RawClip]]
    test: Callable[[Path], list[RawClip]]


def find_clips(root: Path | str, layout: str = "auto", fps: float | None = None) -> list[RawClip]:
    """The clips of the data set at ``root``: training, test and weakly labelled ones, each split in name order.

    Raises:
        UserError: the folder is missing or no known layout; a split is empty; a test clip has no labels.
    """
    root = Path(root)
    form = detect(root, layout)
    train, test = form.train(root), form.test(root)
    for clips, kind in ((train, "training"), (test, "test")):
        if not clips:
            raise UserError(f"{root}: no {kind} clip found; a data set of layout '{form.name}' looks like {form.tree}")
    clips = [_with_tracks(clip, root) for clip in train + test]
    clips += weak_folder.clips(root, partial(_frames_fps, root))
    clips = with_unique_names(with_cameras(clips, root / "clips.csv"))
    warn_of_unseen_cameras(clips)
    return [clip if fps is None else replace(clip, fps=fps) for clip in clips]


def detect(root: Path, layout: str = "auto") -> Layout:
    """The layout named ``layout``, or for "auto" the one that the folders in ``root`` show."""
    if not root.is_dir():
        raise UserError(
            f"data.root = {root} is not a folder; set data.root to the folder of a data set (data/README.md)"
        )
    if layout != "auto":
        return next(form for form in LAYOUTS if form.name == layout)
    for form in LAYOUTS:
        if form.recognise(root):
            return form
    if has_folder(root, "tracks/training", "tracks/testing"):  # beside any other layout they only add to it
        return LAYOUTS[0]
    inside = [path for path in folders_in(root) if any(form.recognise(path) for form in LAYOUTS)]
    if inside:
        raise UserError(
            f"data.root = {root} holds data sets; choose one: data.root={' or data.root='.join(map(str, inside))}"
        )
    looks = "; ".join(f"{form.name}: {form.tree}" for form in LAYOUTS)
    raise UserError(f"data.root = {root} has no known layout. Found: {describe(root)}. Known layouts: {looks}")


# --- ShanghaiTech ---------------------------------------------------------------------------------------------------


def _shanghaitech_train(root: Path) -> list[RawClip]:
    videos = {path.stem: path for path in videos_in(root / "training/videos")}
    names = sorted(videos.keys() | _track_names(root, "training"), key=natural)
    return [
        raw_clip(name, "train", videos.get(name), None if name in videos else _frames_fps(root, name)) for name in names
    ]


def _shanghaitech_test(root: Path) -> list[RawClip]:
    folders = {path.name: path for path in folders_in(root / "testing/frames")}
    names = sorted(folders.keys() | _track_names(root, "testing"), key=natural)
    _say_unused_labels(root, names)
    return [_masked(root, name, folders.get(name), _frames_fps(root, name)) for name in names]


def _masked(root: Path, name: str, pixels: Path | None, fps: float, intervals: Intervals | None = None) -> RawClip:
    """A test clip with its labels and masks below ``testing/test_frame_mask`` and ``testing/test_pixel_mask``."""
    labels = root / "testing/test_frame_mask" / f"{name}.npy"
    candidates = [root / "testing/test_pixel_mask" / f"{name}.npy", root / "testing/test_pixel_mask" / name]
    masks = next((path for path in candidates if path.exists()), None)
    if not labels.exists() and intervals is None and masks is None:
        raise UserError(
            f"test clip {name} has no labels: {labels} is missing; "
            f"restore it (0/1 per frame) or move the clip's frames and tracks out of {root}"
        )
    return raw_clip(name, "test", pixels, fps, labels=labels if labels.exists() else intervals, masks=masks)


def _say_unused_labels(root: Path, names: list[str]) -> None:
    unused = {path.stem for path in (root / "testing/test_frame_mask").glob("*.npy")} - set(names)
    if unused and names:
        log.warning("%d of the label files in testing/test_frame_mask have neither frames nor tracks", len(unused))


# --- UCSD as published ----------------------------------------------------------------------------------------------


def _ucsd_train(root: Path) -> list[RawClip]:
    return [raw_clip(path.name, "train", path, 10.0) for path in folders_in(root / "Train")]


def _ucsd_test(root: Path) -> list[RawClip]:
    folders = [path for path in folders_in(root / "Test") if not path.name.endswith("_gt")]
    script = next(iter(sorted((root / "Test").glob("UCSD*.m"))), None)
    intervals = matlab.script_intervals(script, len(folders)) if script else [None] * len(folders)
    clips = []
    for path, spans in zip(folders, intervals, strict=True):
        masks = path.with_name(f"{path.name}_gt")
        if spans is None and not masks.is_dir():
            wanted = root / "Test" / f"{root.name}.m"
            raise UserError(f"test clip {path.name} has no labels: restore {wanted} (intervals) or {masks} (masks)")
        clips.append(raw_clip(path.name, "test", path, 10.0, labels=spans, masks=masks if masks.is_dir() else None))
    return clips


# --- training/frames/NN, testing/frames/NN --------------------------------------------------------------------------


def _frames_train(root: Path) -> list[RawClip]:
    return [
        raw_clip(path.name, "train", path, _frames_fps(root, path.name))
        for path in folders_in(root / "training/frames")
    ]


def _frames_test(root: Path) -> list[RawClip]:
    folders = folders_in(root / "testing/frames")
    _say_unused_labels(root, [path.name for path in folders])
    mat = next(iter(sorted(root.glob("*.mat"))), None)
    intervals = matlab.mat_intervals(mat, len(folders)) if mat else [None] * len(folders)
    return [
        _masked(root, path.name, path, _frames_fps(root, path.name), spans)
        for path, spans in zip(folders, intervals, strict=True)
    ]


def _frames_fps(root: Path, clip: str) -> float:
    if (root / "ped2.mat").exists() or (root / "ped1.mat").exists():
        return 10.0
    return 24.0 if SCENE_IN_NAME.fullmatch(clip) else 25.0


# --- CUHK Avenue ----------------------------------------------------------------------------------------------------


def _avenue_train(root: Path) -> list[RawClip]:
    return [raw_clip(path.stem, "train", path, None) for path in videos_in(root / "training_videos")]


def _avenue_test(root: Path) -> list[RawClip]:
    clips = []
    for path in videos_in(root / "testing_videos"):
        number = path.stem.lstrip("0")
        masks = root / "ground_truth_demo/testing_label_mask" / f"{number}_label.mat"
        if not masks.exists():
            raise UserError(
                f"test clip {path.stem} has no labels: {masks} is missing; it comes with Avenue's ground truth"
            )
        clips.append(raw_clip(path.stem, "test", path, None, masks=masks))
    return clips


# --- a plain folder of videos ---------------------------------------------------------------------------------------


def _folder_train(root: Path) -> list[RawClip]:
    return [raw_clip(stem, "train", path, None) for stem, path in _videos(root / "train").items()]


def _folder_test(root: Path) -> list[RawClip]:
    videos = _videos(root / "test")
    if not videos:
        return []
    file = root / "labels.csv"
    if not file.exists():
        first = next(iter(videos.values()))
        raise UserError(
            f"test clip {first.name} has no labels: write {file} with the header clip,start,end and a row per "
            "abnormal stretch (first and last frame, 0-based, inclusive); clips without a row are normal, and with "
            "the header alone the run measures nothing but says what to look at"
        )
    files = {stem: path.relative_to(root / "test").as_posix() for stem, path in videos.items()}
    spans = annotations.labels_csv(file, Names(files))
    return [raw_clip(stem, "test", path, None, labels=spans[stem]) for stem, path in videos.items()]


def _videos(folder: Path) -> dict[str, Path]:
    """The videos in ``folder`` and, camera by camera, in the folders in it; by name (``gate/friday``)."""
    found: dict[str, Path] = {}
    cameras = folders_in(folder)
    for place in [folder, *cameras]:
        videos = videos_in(place)
        if place in cameras and not videos:
            log.warning("%s holds no video: %s", place, describe(place))
        for path in videos:
            stem = path.relative_to(folder).with_suffix("").as_posix()
            if stem in found:
                raise UserError(f"{place}: two clips are named {path.stem}; rename one of the files")
            found[stem] = path
    return found


def _is_folder(root: Path) -> bool:
    return any(_holds_videos(root / part) for part in ("train", "test") if has_folder(root, part))


def _holds_videos(folder: Path) -> bool:
    return any(videos_in(place) for place in [folder, *folders_in(folder)])


LAYOUTS = (
    Layout(
        "shanghaitech",
        "training/videos/SS_NNN.avi, testing/frames/SS_NNNN/000.jpg, testing/test_frame_mask/SS_NNNN.npy "
        "(or tracks/training/*.txt, tracks/testing/*.txt in place of pixels)",
        lambda root: has_folder(root, "training/videos"),
        _shanghaitech_train,
        _shanghaitech_test,
    ),
    Layout(
        "ucsd",
        "Train/Train001/001.tif, Test/Test001/001.tif, Test/Test001_gt/*.bmp, Test/UCSDped2.m",
        lambda root: has_folder(root, "Train/Train001", "Test/Test001"),
        _ucsd_train,
        _ucsd_test,
    ),
    Layout(
        "frames",
        "training/frames/01/000.jpg, testing/frames/01/000.jpg, *.mat or testing/test_frame_mask/01.npy",
        lambda root: (
            has_folder(root, "training/frames")
            or (has_folder(root, "testing/frames") and not has_folder(root, "tracks/training"))
        ),
        _frames_train,
        _frames_test,
    ),
    Layout(
        "avenue",
        "training_videos/01.avi, testing_videos/01.avi, ground_truth_demo/testing_label_mask/1_label.mat",
        lambda root: has_folder(root, "training_videos", "testing_videos"),
        _avenue_train,
        _avenue_test,
    ),
    Layout(
        "folder",
        "train/*.mp4, test/*.mp4 (any video files; of several cameras train/<camera>/*.mp4), labels.csv",
        _is_folder,
        _folder_train,
        _folder_test,
    ),
)


# --- what the layouts share -----------------------------------------------------------------------------------------


def _track_names(root: Path, part: str) -> set[str]:
    return {path.stem for path in (root / "tracks" / part).glob("*.txt") if not path.name.startswith(".")}


def _with_tracks(clip: RawClip, root: Path) -> RawClip:
    part = {"train": "training", "test": "testing"}[clip.split]
    path = root / "tracks" / part / f"{clip.stem}.txt"
    return replace(clip, tracks=path) if path.exists() else clip
