"""Review of your own video: its highest alarms that nobody has labelled, and where the answers go.

Only a data set of layout ``folder`` (data/README.md) is anybody's own; its ``labels.csv`` is what ``dvc repro``
evaluates on, and a "yes" adds a row to it. A "no" needs no row there: what is not listed is normal. Every answer also
goes into ``reviews/<data set>.csv`` of the project, so that nothing is asked twice. A published data set and campus-sim
have labels of their own, which are never touched.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from vad.data import annotations, layouts
from vad.data.tables import Names
from vad.metrics.alarms import Footage, spans
from vad.pipeline import artifacts, params
from vad.pipeline.errors import UserError

HEADER = ["clip", "start", "end"]
ANSWERS = ("yes", "no", "skip")
Stretch = tuple[str, int, int]  # clip, first and last frame (0-based, inclusive)


@dataclass(frozen=True)
class Alarm:
    """A run of frames over a level: 0-based numbers of its first, last and highest frame, and its highest score."""

    clip: str
    first: int
    last: int
    peak: int
    score: float


@dataclass(frozen=True)
class Answer:
    """What somebody said of frames ``first`` to ``last`` of a video: yes (abnormal), no or skip."""

    clip: str
    first: int
    last: int
    answer: str
    detector: str
    score: float


@dataclass(frozen=True)
class Files:
    """Where answers go.

    Attributes:
        labels: the data set's labels.csv; log: all answers.
        videos: file of each test video, as labels.csv may call it, by its name there.
        parts: clip of the project -> (name of its video, the clip's first frame in it).
    """

    labels: Path
    log: Path
    videos: dict[str, str]
    parts: dict[str, tuple[str, int]]

    def stretch(self, clip: str, first: int, last: int) -> Stretch:
        """Frames of a clip of the project as frames of its video: what a video's interruptions cut into several."""
        name, start = self.parts[clip]
        return name, start + first, start + last


def alarms(rows: pd.DataFrame, fps: dict[str, float], level: float, merge_seconds: float) -> list[Alarm]:
    """One detector's alarms at ``level``, the highest first. ``rows``: clip, frame, shown of its test frames."""
    rows = rows.assign(clip=rows["clip"].astype(str)).sort_values(["clip", "frame"], ignore_index=True)
    clip, frame, shown = rows["clip"].to_numpy(), rows["frame"].to_numpy(), rows["shown"].to_numpy()
    found = []
    for a, b in zip(*spans(shown >= level, Footage.of(rows, fps), merge_seconds), strict=True):
        top = a + int(np.argmax(shown[a : b + 1]))
        found.append(Alarm(clip[a], int(frame[a]), int(frame[b]), int(frame[top]), round(float(shown[top]), 3)))
    return sorted(found, key=lambda alarm: (-alarm.score, alarm.clip, alarm.first))


def files(root: Path, manifest: pd.DataFrame) -> Files | None:
    """Where answers about the project at ``root`` go; None where the data set is not the user's own.

    Args:
        manifest: ``data/manifest.csv``.

    Raises:
        UserError: ``data.root`` is not the data set that the project's data come from.
    """
    section = params.section("data", layouts.Params, root / "params.yaml")
    folder = root / section.root
    if layouts.detect(folder, section.layout).name != "folder":
        return None
    test = manifest[manifest["split"] == "test"]
    lost = [source for source in test["source"] if not (folder / source).exists()]
    if lost:
        raise UserError(
            f"data/ was made from another data set than data.root = {section.root}, which has no {lost[0]}: "
            f"run 'dvc repro' in {root} first"
        )
    inside = {row.clip: PurePosixPath(row.source).relative_to("test") for row in test.itertuples()}
    start = test.set_index("clip")["first_frame"] if "first_frame" in test else dict.fromkeys(test["clip"], 0)
    parts = {clip: (path.with_suffix("").as_posix(), int(start[clip])) for clip, path in inside.items()}
    videos = {path.with_suffix("").as_posix(): path.as_posix() for path in inside.values()}
    return Files(folder / "labels.csv", root / "reviews" / f"{folder.resolve().name}.csv", videos, parts)


def unanswered(found: Iterable[Alarm], seen: Iterable[Stretch], own: Files | None) -> list[Alarm]:
    """The alarms that touch nothing that was ``seen``: labelled, or answered before."""
    seen = list(seen)
    waiting = []
    for alarm in found:
        span = (alarm.clip, alarm.first, alarm.last)
        clip, first, last = span if own is None else own.stretch(*span)
        if not any(clip == other and first <= b and a <= last for other, a, b in seen):
            waiting.append(alarm)
    return waiting


def labelled(own: Files) -> list[Stretch]:
    """The abnormal stretches that labels.csv lists."""
    if not own.labels.exists():
        return []
    found = annotations.labels_csv(own.labels, Names(own.videos))
    return [(video, *span) for video, intervals in found.items() for span in intervals.spans]


def answers(own: Files) -> list[Answer]:
    """All answers so far, the oldest first."""
    if not own.log.exists():
        return []
    table = pd.read_csv(own.log, dtype={"clip": str, "answer": str, "detector": str})
    wanted = [field.name for field in fields(Answer)]
    if list(table.columns) != wanted:
        raise UserError(f"{own.log} must have the header {','.join(wanted)}; correct it or move it away")
    return [Answer(**row) for row in table.to_dict("records")]


def give(own: Files, answer: Answer) -> None:
    """Keep an answer; a "yes" becomes a row of labels.csv, whose other rows stay as they are."""
    if answer.answer == "yes":
        labelled(own)  # a file with mistakes in it is not written to
        header, rows = _read(own.labels)
        values = dict(zip(HEADER, _row(answer), strict=True))
        _write(own.labels, [*rows, [values.get(name, "") for name in header]])
    _log(own.log, [*answers(own), answer])


def take_back(own: Files) -> Answer | None:
    """Undo the last answer, its row of labels.csv too; returns it, or None where there is none."""
    given = answers(own)
    if not given:
        return None
    last = given[-1]
    if last.answer == "yes" and own.labels.exists():
        header, rows = _read(own.labels)
        places = [header.index(name) for name in HEADER]
        same = [
            at for at, row in enumerate(rows[1:], start=1) if [row[place].strip() for place in places] == _row(last)
        ]
        _write(own.labels, [row for at, row in enumerate(rows) if at not in same[-1:]])
    _log(own.log, given[:-1])
    return last


def _row(answer: Answer) -> list[str]:
    return [answer.clip, str(answer.first), str(answer.last)]


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    """The column names of labels.csv, and all its rows as they are, the header first."""
    if not path.exists():
        return HEADER, [HEADER]
    rows = [row for row in csv.reader(io.StringIO(path.read_text("utf-8-sig")), skipinitialspace=True) if any(row)]
    return [name.strip().lower().replace(" ", "_") for name in rows[0]], rows


def _write(path: Path, rows: list[list[str]]) -> None:
    try:
        with artifacts.replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    except OSError as error:
        raise UserError(f"the answer was not kept: {path} cannot be written ({error.strerror})") from None


def _log(path: Path, given: list[Answer]) -> None:
    columns = [field.name for field in fields(Answer)]
    _write(path, [columns, *([str(value) for value in asdict(answer).values()] for answer in given)])
