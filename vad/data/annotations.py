"""What a data set says about its test clips: abnormal frames, pixel masks and events, in each data set's own format.

Frame numbers are 0-based in everything that leaves this module, whatever the file counts from.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vad.data import matlab
from vad.data.intervals import Intervals
from vad.data.listing import pictures_in
from vad.data.pictures import read_mask
from vad.data.tables import Names, read_csv, shown
from vad.pipeline.errors import UserError

EVENT_COLUMNS = ["clip", "first_frame", "last_frame", "type"]


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
    if labels.dtype.kind not in "biuf":
        raise UserError(f"{source}: labels must be the numbers 0 and 1, found an array of {labels.dtype}")
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
    """The array in ``path``, memory-mapped; of an .npz that is named .npy, the only array in it."""
    try:
        array = np.load(path, mmap_mode="r")
        if isinstance(array, np.lib.npyio.NpzFile):
            with array:
                entries = array.zip.infolist() if array.zip else []
                if any(entry.file_size > matlab.LARGEST for entry in entries):
                    raise UserError(f"{path} unpacks to more than {matlab.LARGEST >> 20} MiB; write it with numpy.save")
                array = array[array.files[0]] if len(array.files) == 1 else None
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except UserError:
        raise
    except Exception:  # NumPy answers damage with nearly any of Python's exceptions
        raise UserError(f"{path} cannot be read as a NumPy array of numbers (.npy, whole); restore it") from None
    if array is None:
        raise UserError(f"{path} is an .npz of several arrays; it must be one array (numpy.save)")
    return array


def labels_csv(path: Path, names: Names) -> dict[str, Intervals]:
    """``labels.csv`` of a plain folder: clip,start,end, 0-based inclusive; clips without a row are normal.

    Args:
        names: the test clips, as :class:`Names` finds them.
    """
    spans: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    for where, (clip, start, end) in read_csv(path, ["clip", "start", "end"]):
        spans[names.find(clip, where)].append(_whole_numbers(where, start, end))
    return {name: Intervals(path, tuple(found)) for name, found in spans.items()}


def events(path: Path, names: Names, parts: Mapping[str, Sequence[tuple[str, int, int]]]) -> pd.DataFrame:
    """``events.csv`` of a data set: clip, first_frame, last_frame, type; an empty table where the file is not there.

    Args:
        names: the data set's own names of its test clips.
        parts: own name -> (unique name, first frame, number of frames) of the parts that a clip was cut into; mostly
            one. An event that lies in several comes out once for each.
    """
    if not path.exists():
        return pd.DataFrame(columns=EVENT_COLUMNS)
    rows = []
    for where, (clip, *span, kind) in read_csv(path, EVENT_COLUMNS):
        own = parts[names.find(clip, where)]
        first, last = _whole_numbers(where, *span)
        frames = own[-1][1] + own[-1][2]
        if not 0 <= first <= last < frames:
            raise UserError(f"{where}: frames {first} to {last} are not in clip {shown(clip)} of {frames} frames")
        for name, start, count in own:
            if first < start + count and last >= start:
                rows.append((name, max(first - start, 0), min(last - start, count - 1), kind))
    return pd.DataFrame(rows, columns=EVENT_COLUMNS).sort_values(EVENT_COLUMNS, ignore_index=True)


def pixel_masks(path: Path, clip: str) -> tuple[int, Iterator[np.ndarray]]:
    """The pixel masks of a clip: (how many, iterator of (H, W) bool).

    Args:
        path: ``.npy`` (T, H, W); ``.mat`` whose ``volLabel`` holds T masks (Avenue); or a folder of T pictures.
    """
    if path.suffix == ".npy":
        masks = load_npy(path)
        if masks.ndim != 3 or not masks[:1].size or masks.dtype.kind not in "biuf":
            raise UserError(
                f"{path}: masks of clip {clip} must be numbers of shape (frames, height, width), "
                f"found {masks.dtype} of shape {masks.shape}"
            )
        return len(masks), (np.asarray(mask) > 0 for mask in masks)
    if path.suffix == ".mat":
        cells = matlab.read_variable(path, "volLabel")
        for cell in cells:
            if not isinstance(cell, np.ndarray) or cell.dtype.kind not in "biuf" or cell.ndim != 2 or not cell.size:
                raise UserError(f"{path}: every cell of volLabel must be a mask, height x width numbers")
        return len(cells), (np.asarray(mask) > 0 for mask in cells)
    files = pictures_in(path)
    return len(files), (read_mask(file) for file in files)


def _whole_numbers(where: str, first: str, last: str) -> tuple[int, int]:
    # Python's int() would take 1_0 for 10, and digits of other scripts.
    if not all(re.fullmatch(r"[+-]?[0-9]{1,9}", text) for text in (first, last)):
        found = f"'{shown(first)}' and '{shown(last)}'"
        raise UserError(f"{where}: frame numbers must be whole numbers, found {found}")
    return int(first), int(last)
