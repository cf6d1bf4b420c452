"""What a data set says about its test clips: abnormal frames, pixel masks and events, in each data set's own format.

Frame numbers are 0-based in everything that leaves this module, whatever the file counts from.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import scipy.io

from vad.data.listing import pictures_in
from vad.pipeline.errors import UserError

EVENT_COLUMNS = ["clip", "first_frame", "last_frame", "type"]


@dataclass(frozen=True)
class Intervals:
    """Abnormal stretches (first, last), 0-based and inclusive, and the file that they were read from."""

    file: Path
    spans: tuple[tuple[int, int], ...]


def frame_labels(source: Path | Intervals | None, frames: int, clip: str) -> np.ndarray:
    """(frames,) int8, 1 where abnormal. ``source``: a ``.npy``, intervals, or None for all normal.

    Raises:
        UserError: the file says something of another number of frames than the clip has, or is not 0/1.
    """
    if source is None:
        return np.zeros(frames, np.int8)
    if isinstance(source, Intervals):
        return _fill(source, frames, clip)
    labels = load_npy(source).ravel()
    if len(labels) != frames:
        raise UserError(f"{source} has {len(labels)} labels but clip {clip} has {frames} frames: they must be equal")
    if not np.isin(labels, (0, 1)).all():
        raise UserError(f"{source}: labels must be 0 or 1, found {np.unique(labels)[:5].tolist()}")
    return labels.astype(np.int8)


def _fill(source: Intervals, frames: int, clip: str) -> np.ndarray:
    labels = np.zeros(frames, np.int8)
    for first, last in source.spans:
        if not 0 <= first <= last < frames:
            raise UserError(
                f"{source.file}: clip {clip} has {frames} frames, so the abnormal stretch from frame {first} to {last} "
                "(0-based) cannot be; correct the file"
            )
        labels[first : last + 1] = 1
    return labels


def load_npy(path: Path) -> np.ndarray:
    """The array in ``path``, memory-mapped."""
    try:
        return np.load(path, mmap_mode="r")
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except (ValueError, EOFError, OSError):
        raise UserError(f"{path} cannot be read as a NumPy array of numbers (.npy, whole); restore it") from None


def matlab_script(path: Path, clips: int) -> list[Intervals]:
    """UCSD's ``UCSDped2.m``: a line ``TestVideoFile{end+1}.gt_frame = [61:180];`` per test clip, 1-based inclusive."""
    ranges = re.findall(r"gt_frame\s*=\s*\[([^\]]*)\]", path.read_text(errors="replace"))
    if len(ranges) != clips:
        raise UserError(f"{path} has {len(ranges)} gt_frame lines but there are {clips} test clips: they must be equal")
    found = []
    for text in ranges:
        pairs = re.findall(r"(\d+)(?:\s*:\s*(\d+))?", text)
        found.append(Intervals(path, tuple((int(first) - 1, int(last or first) - 1) for first, last in pairs)))
    return found


def mat_intervals(path: Path, clips: int) -> list[Intervals]:
    """``gt`` of a ``.mat``: per test clip a (2, k) array of k abnormal [first; last], 1-based inclusive."""
    cells = _load_mat(path, "gt").ravel()
    if len(cells) != clips:
        raise UserError(f"{path}: gt has {len(cells)} entries but there are {clips} test clips: they must be equal")
    found = []
    for cell in cells:
        spans = np.asarray(cell, dtype=np.int64)
        spans = spans if spans.ndim == 2 and spans.shape[0] == 2 else spans.reshape(-1, 2).T
        found.append(Intervals(path, tuple((int(first) - 1, int(last) - 1) for first, last in spans.T)))
    return found


def labels_csv(path: Path, clips: Sequence[str]) -> dict[str, Intervals]:
    """``labels.csv`` of a plain folder: clip,start,end, 0-based inclusive; clips without a row are normal.

    Args:
        clips: file names of the test clips; the column may give them with or without suffix.
    """
    table = _read_csv(path, ["clip", "start", "end"])
    known = {name: name for name in clips} | {Path(name).stem: name for name in clips}
    spans: dict[str, list[tuple[int, int]]] = {name: [] for name in clips}
    for line, row in enumerate(table.itertuples(), start=2):
        if row.clip not in known:
            raise UserError(f"{path}, line {line}: there is no test clip {row.clip}; the test clips are {_some(clips)}")
        spans[known[row.clip]].append(_whole_numbers(path, line, row.start, row.end))
    return {name: Intervals(path, tuple(found)) for name, found in spans.items()}


def events(path: Path, names: Mapping[str, str], frames: Mapping[str, int]) -> pd.DataFrame:
    """``events.csv`` of a data set: clip, first_frame, last_frame, type; an empty table where the file is not there.

    Args:
        names: the data set's own name of each test clip -> its unique name.
        frames: unique name -> number of frames.
    """
    if not path.exists():
        return pd.DataFrame(columns=EVENT_COLUMNS)
    rows = []
    for line, row in enumerate(_read_csv(path, EVENT_COLUMNS).itertuples(), start=2):
        if row.clip not in names:
            raise UserError(f"{path}, line {line}: there is no test clip {row.clip}; the test clips are {_some(names)}")
        clip = names[row.clip]
        first, last = _whole_numbers(path, line, row.first_frame, row.last_frame)
        if not 0 <= first <= last < frames[clip]:
            raise UserError(
                f"{path}, line {line}: frames {first} to {last} are not in clip {row.clip} of {frames[clip]} frames"
            )
        rows.append((clip, first, last, row.type))
    return pd.DataFrame(rows, columns=EVENT_COLUMNS).sort_values(EVENT_COLUMNS, ignore_index=True)


def pixel_masks(path: Path, clip: str) -> tuple[int, Iterator[np.ndarray]]:
    """The pixel masks of a clip: (how many, iterator of (H, W) bool).

    Args:
        path: ``.npy`` (T, H, W); ``.mat`` whose ``volLabel`` holds T masks (Avenue); or a folder of T pictures.
    """
    if path.suffix == ".npy":
        masks = load_npy(path)
        if masks.ndim != 3:
            raise UserError(
                f"{path}: masks of clip {clip} must have shape (frames, height, width), found {masks.shape}"
            )
        return len(masks), (np.asarray(mask) > 0 for mask in masks)
    if path.suffix == ".mat":
        cells = _load_mat(path, "volLabel").ravel()
        return len(cells), (np.asarray(mask) > 0 for mask in cells)
    files = pictures_in(path)
    return len(files), (_mask_picture(file) for file in files)


def _mask_picture(file: Path) -> np.ndarray:
    mask = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_GRAYSCALE) if file.stat().st_size else None
    if mask is None:
        raise UserError(f"{file} cannot be read as a picture; restore it")
    return mask > 0


def _load_mat(path: Path, key: str) -> np.ndarray:
    try:
        values = scipy.io.loadmat(path, variable_names=[key])
    except (ValueError, TypeError, OSError, NotImplementedError, scipy.io.matlab.MatReadError) as error:
        raise UserError(
            f"{path} cannot be read as a MATLAB file ({' '.join(str(error).split())}); restore it"
        ) from None
    if key not in values:
        raise UserError(f"{path} has no variable '{key}'; it must hold the data set's ground truth")
    return values[key]


def _read_csv(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (ValueError, OSError) as error:
        raise UserError(
            f"{path} cannot be read as CSV ({' '.join(str(error).split())}): "
            f"save it as UTF-8 text, separated by commas, with the header {','.join(columns)}"
        ) from None
    table.columns = [name.strip().lower().replace(" ", "_") for name in table.columns]
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UserError(f"{path} has no column {', '.join(missing)}; its header must be {','.join(columns)}")
    return table[columns].apply(lambda column: column.str.strip())


def _whole_numbers(path: Path, line: int, first: str, last: str) -> tuple[int, int]:
    try:
        return int(first), int(last)
    except ValueError:
        raise UserError(
            f"{path}, line {line}: frame numbers must be whole numbers, found '{first}' and '{last}'"
        ) from None


def _some(names: Sequence[str] | Mapping[str, str], most: int = 6) -> str:
    return ", ".join([*list(names)[:most], *(["..."] if len(names) > most else [])])
