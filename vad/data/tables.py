"""The user's own tables: their rows, and which clips they mean."""

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from vad.pipeline.errors import UserError
from vad.pipeline.naming import printable


class Names:
    """Clips by what a table may call them: with or without the camera's folder, with or without the suffix.

    Args:
        files: a clip's own name, such as ``gate/friday``, -> its file, ``gate/friday.mp4``; the same where it has none.
        kind: of the clips, for messages.
    """

    def __init__(self, files: Mapping[str, str], kind: str = "test") -> None:
        self._files, self._kind = files, kind
        self._whole: dict[str, list[str]] = {}
        self._last: dict[str, list[str]] = {}
        for name, file in files.items():
            for text in dict.fromkeys((file, name)):
                self._whole.setdefault(text, []).append(name)
            for text in dict.fromkeys((PurePosixPath(file).name, PurePosixPath(name).name)):
                self._last.setdefault(text, []).append(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def find(self, text: str, where: str) -> str:
        """The clip that ``text`` means.

        Raises:
            UserError: there is none, or more than one; ``where`` (file and line) begins the message.
        """
        texts = (text, text.replace("\\", "/"))  # as it stands, or as another system writes a path
        found = next((own for wanted in texts for known in (self._whole, self._last) if (own := known.get(wanted))), [])
        if len(found) == 1:
            return found[0]
        if not found:
            raise UserError(
                f"{where}: there is no {self._kind} clip {shown(text)}; "
                f"the {self._kind} clips are {some(self._files.values())}"
            )
        raise UserError(f"{where}: {shown(text)} may be {some(found)}; write which")


def shown(text: str, most: int = 80) -> str:
    """What a table holds, for a message: on one line, and not all of it."""
    return printable(text)[:most]


def some(names: Collection[str], most: int = 6) -> str:
    """The first of ``names``, for a message."""
    return ", ".join([*map(shown, list(names)[:most]), *(["..."] if len(names) > most else [])])


def read_csv(path: Path, columns: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The rows of a table of the user's: (``<path>, line <n>``, the values of ``columns``), stripped.

    Raises:
        UserError: the file is no text, lacks a column, has one twice, or a row has too few or too many values.
    """
    advice = f"save it as UTF-8 text, separated by commas, with the header {','.join(columns)}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            rows = [(reader.line_num, row) for row in reader if any(value.strip() for value in row)]
    except (ValueError, OSError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as CSV ({' '.join(str(error).split())}): {advice}") from None
    header = [name.strip().lower().replace(" ", "_") for name in rows[0][1]] if rows else []
    missing = [name for name in columns if name not in header]
    if missing:
        raise UserError(f"{path} has no column {', '.join(missing)}; its header must be {','.join(columns)}")
    if twice := [name for name in columns if header.count(name) > 1]:
        raise UserError(f"{path} has the column {twice[0]} twice; its header must be {','.join(columns)}")
    places = [header.index(name) for name in columns]
    table = []
    for line, row in rows[1:]:
        if len(row) < len(header) or any(value.strip() for value in row[len(header) :]):
            raise UserError(f"{path}, line {line}: {len(row)} values, but the header has {len(header)}; {advice}")
        table.append((f"{path}, line {line}", tuple(row[place].strip() for place in places)))
    return table
