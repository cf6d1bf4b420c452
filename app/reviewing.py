"""Review of your own video: its highest alarms that nobody has labelled, and where the answers go.

Only a data set of layout ``folder`` (data/README.md) is anybody's own; its ``labels.csv`` is what ``dvc repro``
evaluates on, and a "yes" adds a row to it. A "no" needs no row there: what is not listed is normal. Every answer also
goes into ``reviews/<data set>.csv`` of the project, so that nothing is asked twice. A published data set and campus-sim
have labels of their own, which are never touched.
"""

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from vad.data import layouts
from vad.metrics.alarms import Footage, spans
from vad.pipeline import artifacts, params
from vad.pipeline.errors import UserError

HEADER = ["clip", "start", "end"]
ANSWERS = ("yes", "no", "skip")


@dataclass(frozen=True)
class Alarm:
    """A run of frames over a level: 0-based numbers of its first, last and highest frame, and its highest score."""

    clip: str
    first: int
    last: int
    peak: int
    score: float

    def overlaps(self, clip: str, first: int, last: int) -> bool:
        return self.clip == clip and self.first <= last and first <= self.last


@dataclass(frozen=True)
class Answer:
    """What somebody said of frames ``first`` to ``last`` of a clip: yes (abnormal), no or skip."""

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
        stems: the clip's name in the data set by its name in the project.
    """

    labels: Path
    log: Path
    stems: dict[str, str]


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
    stems = {row.clip: Path(row.source).stem for row in test.itertuples()}
    return Files(folder / "labels.csv", root / "reviews" / f"{folder.resolve().name}.csv", stems)


def unanswered(found: list[Alarm], given: list[Answer], labelled: list[tuple[str, int, int]]) -> list[Alarm]:
    """The alarms that touch no labelled stretch (clip, first, last) and nothing that was answered."""
    seen = [*labelled, *((answer.clip, answer.first, answer.last) for answer in given)]
    return [alarm for alarm in found if not any(alarm.overlaps(*stretch) for stretch in seen)]


def labelled(own: Files) -> list[tuple[str, int, int]]:
    """The abnormal stretches that labels.csv lists: (clip by its name in the project, first, last)."""
    names = {stem: clip for clip, stem in own.stems.items()}
    header, rows = _read(own.labels)
    stretches = []
    for line, row in enumerate(rows, start=2):
        name, first, last = (row[header.index(column)].strip() for column in HEADER)
        if not (first.isdigit() and last.isdigit()):
            raise UserError(f"{own.labels}, line {line}: frame numbers must be whole numbers; correct it")
        stretches.append((names.get(name, names.get(Path(name).stem, name)), int(first), int(last)))
    return stretches


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
        header, rows = _read(own.labels)
        values = dict(zip(HEADER, (own.stems[answer.clip], str(answer.first), str(answer.last)), strict=True))
        _write(own.labels, header, [*rows, [values.get(name, "") for name in header]])
    _log(own.log, [*answers(own), answer])


def take_back(own: Files) -> Answer | None:
    """Undo the last answer, its row of labels.csv too; returns it, or None where there is none."""
    given = answers(own)
    if not given:
        return None
    last = given[-1]
    if last.answer == "yes":
        header, rows = _read(own.labels)
        wanted = [own.stems.get(last.clip, last.clip), str(last.first), str(last.last)]
        at = [place for place, row in enumerate(rows) if [row[header.index(name)] for name in HEADER] == wanted]
        _write(own.labels, header, [row for place, row in enumerate(rows) if place not in at[-1:]])
    _log(own.log, given[:-1])
    return last


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of labels.csv; a file that is not there has no rows."""
    if not path.exists():
        return HEADER, []
    rows = [row for row in csv.reader(io.StringIO(path.read_text("utf-8-sig")), skipinitialspace=True) if any(row)]
    header = [name.strip().lower() for name in rows[0]] if rows else HEADER
    if not set(HEADER) <= set(header) or any(len(row) != len(header) for row in rows):
        raise UserError(f"{path}: every row must have as many fields as the header, {','.join(HEADER)}; correct it")
    return header, rows[1:]


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with _writable(path), artifacts.replacing(path) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _log(path: Path, given: list[Answer]) -> None:
    columns = [field.name for field in fields(Answer)]
    with _writable(path):
        artifacts.save_table(path, pd.DataFrame([asdict(answer) for answer in given], columns=columns))


class _writable:
    """What the file system refuses becomes one line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise UserError(f"the answer was not kept: {self.path} cannot be written ({error.strerror})") from None
