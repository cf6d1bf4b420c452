"""Person boxes with identities, read from text files of two formats."""

from pathlib import Path

import numpy as np
import pandas as pd

from vad.pipeline.errors import UserError

COLUMNS = ["frame", "track", "x1", "y1", "x2", "y2"]
NO_TRACK = -1
LARGEST = 1e9  # that a frame number, an identity or a coordinate may be


def read(path: Path) -> pd.DataFrame:
    """The boxes in ``path``, ordered by frame and track: frame, track (int64), x1, y1, x2, y2 (float32).

    The format is told from the first line:
        with commas, MOTChallenge: frame (1-based), id, left, top, width, height[, confidence, ...]; a row whose
        confidence is 0 is one that MOTChallenge says to ignore;
        without, the ShanghaiTech tracks' header ``Frame_Number Person_ID State BB_tl_0 BB_tl_1 BB_br_0 BB_br_1``, then
        space-separated rows: 0-based frame, identity, state, and the corners' x and y.
    Frames come out 0-based; boxes may run past the picture's border. A negative identity says that none is known, as
    in MOTChallenge's files of detections, and comes out as ``NO_TRACK``.

    Raises:
        UserError: a row does not fit the format.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        boxes = _motchallenge(text) if "," in text.split("\n", 1)[0] else _corners(text)
    except (ValueError, OSError) as error:
        reason = str(error).split(";")[0]  # NumPy's advice on its own arguments comes after
        raise UserError(f"{path} is not a track file (data/README.md shows both formats): {reason}") from None
    table = pd.DataFrame(boxes[:, 2:], columns=COLUMNS[2:], dtype=np.float32)
    table.insert(0, "frame", boxes[:, 0].astype(np.int64))
    table.insert(1, "track", np.maximum(boxes[:, 1].astype(np.int64), NO_TRACK))
    if len(table) and table["frame"].min() < 0:
        raise UserError(
            f"{path}: frame {table['frame'].min()} is negative; frames are 0-based, in MOTChallenge 1-based"
        )
    return table.sort_values(["frame", "track"], kind="stable", ignore_index=True)


def _corners(text: str) -> np.ndarray:
    header, _, body = text.partition("\n")
    rows = _numbers(body if "Frame_Number" in header else text, None, 7)
    return rows[:, [0, 1, 3, 4, 5, 6]]


def _motchallenge(text: str) -> np.ndarray:
    rows = _numbers(text, ",", 6)
    if rows.shape[1] > 6:
        rows = rows[rows[:, 6] != 0]
    frame, track, left, top, width, height = rows[:, :6].T
    return np.stack([frame - 1, track, left, top, left + width, top + height], axis=1)


def _numbers(text: str, delimiter: str | None, least: int) -> np.ndarray:
    lines = [line for line in text.splitlines() if line.partition("#")[0].strip()]
    if not lines:
        return np.zeros((0, least))
    rows = np.loadtxt(lines, delimiter=delimiter, ndmin=2)
    if rows.shape[1] < least:
        raise ValueError(f"found {rows.shape[1]} columns, at least {least} are needed")
    strange = ~(np.abs(rows) < LARGEST).all(axis=1)  # NaN too
    if strange.any():
        raise ValueError(
            f"box {strange.argmax() + 1} has a number that is none or too large: {lines[strange.argmax()]}"
        )
    if (broken := (rows[:, :2] % 1 != 0).any(axis=1)).any():
        raise ValueError(f"box {broken.argmax() + 1} has a frame or an identity that is no whole number")
    return rows
