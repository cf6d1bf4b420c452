"""Lists of the field's weakly labelled benchmarks: one label per training video, intervals or arrays for test videos.

UCF-Crime: ``Anomaly_Train.txt`` (``Abuse/Abuse001_x264.mp4``; what is in a folder named Normal is normal),
    ``Temporal_Anomaly_Annotation*.txt`` (video, class, up to two intervals in frames, -1 where none).
XD-Violence: ``annotations.txt`` (test video, then first and last frame of each interval); a name that ends in
    ``_label_A`` is normal, others name their classes; training videos are those with features or pixels but no line.
ShanghaiTech's weak split: ``SH_Train_new.txt`` (clip,label), ``SH_Test_NEW.txt`` (clip,label,frames) and the masks.
UBnormal: videos named ``normal_...`` and ``abnormal_...``; splits in ``*_video_names.txt``.
Anything else: ``weak_labels.csv`` (clip,label).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vad.data.annotations import frame_labels, load_npy
from vad.data.feature_files import plain
from vad.data.tables import read_csv as read_table
from vad.data.tables import shown
from vad.pipeline.errors import UserError

CSV = "weak_labels.csv"
CLASS_OF_XD = re.compile(r"_label_([A-Z0-9]+(?:-[A-Z0-9]+)*)$")


@dataclass(frozen=True)
class Truth:
    """What is known of a test video: abnormal intervals (inclusive frames), or an array of 0/1 per frame; its class.

    ``length`` in frames, where a list says it.
    """

    intervals: tuple[tuple[int, int], ...] = ()
    labels: Path | None = None
    kind: str | None = None
    length: int | None = None

    def frames(self, count: int) -> np.ndarray:
        """(count,) uint8, 1 where abnormal; an interval's part past the video's end is left out."""
        if self.labels is not None:
            known = frame_labels(self.labels, load_npy(self.labels).size, self.labels.stem).astype(np.uint8)
            return np.pad(known[:count], (0, max(0, count - len(known))))
        found = np.zeros(count, np.uint8)
        for first, last in self.intervals:
            found[first : last + 1] = 1
        return found


@dataclass(frozen=True)
class Lists:
    """A benchmark's lists: training video -> 0 or 1, test video -> its truth; names without folders and suffixes."""

    benchmark: str
    train: dict[str, int]
    test: dict[str, Truth] = field(default_factory=dict)


def read(root: Path, names: Iterable[str] = ()) -> Lists:
    """The lists in ``root``.

    Args:
        names: videos that are there, for benchmarks that say the label in the name.

    Raises:
        UserError: there is no known list, or one that does not fit its form.
    """
    for file, reader in (
        ("Anomaly_Train.txt", _ucf_crime),
        ("SH_Train_new.txt", _shanghaitech),
        ("annotations.txt", _xd_violence),
        ("abnormal_training_video_names.txt", _ubnormal),
        (CSV, _csv),
    ):
        if (root / file).exists():
            return reader(root, list(names))
    raise UserError(
        f"{root} has no labels of videos: write {root / CSV} with the header clip,label and a row per training video "
        "(1: something abnormal happens in it, 0: nothing does); UCF-Crime's, XD-Violence's, ShanghaiTech's and "
        "UBnormal's own lists are read as they are (docs/weak.md)"
    )


def read_csv(file: Path) -> dict[str, int]:
    """Clip -> label of a ``weak_labels.csv``.

    Raises:
        UserError: a column is missing, a label is neither 0 nor 1, or a clip has two rows.
    """
    labels: dict[str, int] = {}
    for where, clip, label in rows(file):
        if labels.setdefault(clip, label) != label:
            raise UserError(f"{where}: {shown(clip)} has two labels")
    return labels


def rows(file: Path) -> list[tuple[str, str, int]]:
    """(``<path>, line <n>``, clip, label) of each row of a ``weak_labels.csv``.

    Raises:
        UserError: a column is missing, a label is neither 0 nor 1, or there is no row.
    """
    found = []
    for where, (clip, label) in read_table(file, ["clip", "label"]):
        if label not in ("0", "1"):
            raise UserError(
                f"{where}: label of {shown(clip)} is '{shown(label)}'; it must be 0 (normal) or 1 (abnormal)"
            )
        found.append((where, clip, int(label)))
    if not found:
        raise UserError(f"{file} has no rows; give a row per training video: clip,label")
    return found


def _csv(root: Path, names: list[str]) -> Lists:
    return Lists("folder", _one_each(root / CSV, read_csv(root / CSV).items()))


def _ucf_crime(root: Path, names: list[str]) -> Lists:
    listed = ((line, int("normal" not in line.lower())) for line in _lines(root / "Anomaly_Train.txt"))
    train = _one_each(root / "Anomaly_Train.txt", listed)
    test = {}
    for file in sorted(root.glob("Temporal_Anomaly_Annotation*.txt")):
        for number, line in enumerate(_lines(file), 1):
            parts = line.split()
            if len(parts) < 6:
                raise UserError(
                    f"{file}, line {number}: expected video, class and two intervals, found '{shown(line)}'"
                )
            spans = _spans(file, number, parts[2:6])
            test[plain(parts[0])] = Truth(spans, kind=None if parts[1] == "Normal" else parts[1])
    return Lists("ucf_crime", train, test)


def _xd_violence(root: Path, names: list[str]) -> Lists:
    test = {}
    for number, line in enumerate(_lines(root / "annotations.txt"), 1):
        video, *numbers = line.split()
        if len(numbers) % 2:
            raise UserError(
                f"{root / 'annotations.txt'}, line {number}: the intervals of {shown(video)} do not come in pairs"
            )
        test[plain(video)] = Truth(_spans(root / "annotations.txt", number, numbers), kind=_xd_class(plain(video)))
    train = {}
    for name in map(plain, names):
        if name not in test and (kind := CLASS_OF_XD.search(name)):
            train[name] = int(kind[1].split("-")[0] != "A")
    # Normal test videos have no line in the annotations: the names in a list of test videos, where there is one.
    for file in sorted(root.glob("*test*.list")):
        for name in {plain(re.sub(r"__\d+(\.npy)?$", "", line)) for line in _lines(file)} - set(test):
            test[name] = Truth()
            train.pop(name, None)
    return Lists("xd_violence", train, test)


def _xd_class(name: str) -> str | None:
    found = CLASS_OF_XD.search(name)
    return None if found is None or found[1].startswith("A") else found[1]


def _shanghaitech(root: Path, names: list[str]) -> Lists:
    listed = ((clip, int(label)) for clip, label, *_ in _rows(root / "SH_Train_new.txt", 2))
    train = _one_each(root / "SH_Train_new.txt", listed)
    masks = [folder / "testing/test_frame_mask" for folder in (root, root.parent)]
    test = {}
    for clip, label, *length in _rows(root / "SH_Test_NEW.txt", 2):
        mask = next((path for folder in masks if (path := folder / f"{clip}.npy").exists()), None)
        if label == "1" and mask is None:
            raise UserError(f"{root}: abnormal test clip {clip} has no frame labels: {masks[0] / clip}.npy is missing")
        test[clip] = Truth(labels=mask, length=int(length[0]) if length and length[0].isdecimal() else None)
    return Lists("shanghaitech", train, test)


def _ubnormal(root: Path, names: list[str]) -> Lists:
    train: dict[str, int] = {}
    test: dict[str, Truth] = {}
    for split in ("training", "test"):
        for kind, label in (("normal", 0), ("abnormal", 1)):
            file = root / f"{kind}_{split}_video_names.txt"
            for name in map(plain, _lines(file) if file.exists() else []):
                if split == "training":
                    train[name] = label
                else:
                    test[name] = _ubnormal_truth(root, name, label)
    return Lists("ubnormal", train, test)


def _ubnormal_truth(root: Path, name: str, label: int) -> Truth:
    """When any of a video's abnormal objects is there (``*_tracks.txt``: id,first,last of each)."""
    if not label:
        return Truth()
    files = sorted(root.rglob(f"{name}_annotations/*tracks*.txt"))
    if not files:
        raise UserError(f"{root}: abnormal test video {name} has no annotations: {name}_annotations/*_tracks.txt")
    spans: list[tuple[int, int]] = []
    for file in files:
        for number, line in enumerate(_lines(file), 1):
            parts = line.replace(",", " ").split()
            if len(parts) < 3:
                raise UserError(f"{file}, line {number}: expected id,first,last, found '{shown(line)}'")
            spans += _spans(file, number, [re.sub(r"\.0*$", "", part) for part in parts[1:3]])
    return Truth(tuple(spans))


def _spans(file: Path, line: int, numbers: list[str]) -> tuple[tuple[int, int], ...]:
    """Stretches of frames; -1 -1 stands for none."""
    if not all(re.fullmatch(r"-1|[0-9]{1,9}", number) for number in numbers):
        found = shown(" ".join(numbers))
        raise UserError(f"{file}, line {line}: frame numbers must be whole numbers, found {found}")
    values = [int(number) for number in numbers]
    spans = [(a, b) for a, b in zip(values[::2], values[1::2], strict=True) if (a, b) != (-1, -1)]
    if wrong := [span for span in spans if not 0 <= span[0] <= span[1]]:
        raise UserError(f"{file}, line {line}: frames {wrong[0][0]} to {wrong[0][1]} are no stretch")
    return tuple(spans)


def _one_each(file: Path, rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Plain name -> label; two names of one video may not differ in it."""
    labels: dict[str, int] = {}
    for name, label in rows:
        if labels.setdefault(plain(name), label) != label:
            raise UserError(f"{file}: {shown(plain(name))} has two labels")
    return labels


def _rows(file: Path, least: int) -> list[list[str]]:
    rows = [[part.strip() for part in line.split(",")] for line in _lines(file)]
    for number, row in enumerate(rows, 1):
        if len(row) < least or row[1] not in ("0", "1"):
            raise UserError(
                f"{file}, line {number}: expected clip,label with a label of 0 or 1, found {shown(','.join(row))}"
            )
    return rows


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as text: {error}") from None
