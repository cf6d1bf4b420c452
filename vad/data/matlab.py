"""Ground truth written by MATLAB: UCSD's script, ``gt`` intervals and Avenue's masks, from .mat of any version."""

import io
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from vad.data.intervals import Intervals
from vad.pipeline.errors import UserError

HDF5 = b"\x89HDF\r\n\x1a\n"  # MATLAB's v7.3; its own 512 bytes of header come first
LARGEST = 2**30  # bytes of memory that reading a file may take: 1,500 masks of 640 x 360 take 550 MB
_READ = "import sys; from vad.data import matlab; matlab.try_to_read(*sys.argv[1:])"
_TOO_LARGE = 3  # what a process ends with that found it to be more
LARGEST_FRAME = 10**9  # that a frame number may be


def script_intervals(path: Path, clips: int) -> list[Intervals]:
    """UCSD's ``UCSDped2.m``: a line ``TestVideoFile{end+1}.gt_frame = [61:180];`` per test clip, 1-based inclusive."""
    try:
        text = re.sub(r"%.*", "", path.read_text(errors="replace"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); restore it") from None
    ranges = re.findall(r"gt_frame\s*=\s*\[([^\]]*)\]", text)
    if len(ranges) != clips:
        raise UserError(f"{path} has {len(ranges)} gt_frame lines but there are {clips} test clips: they must be equal")
    found = []
    for text in ranges:
        pairs = re.findall(r"([0-9]+)(?:\s*:\s*([0-9]+))?", text)
        found.append(Intervals(path, tuple((int(first) - 1, int(last or first) - 1) for first, last in pairs)))
    return found


def mat_intervals(path: Path, clips: int) -> list[Intervals]:
    """``gt`` of a ``.mat``: per test clip a (2, k) array of k abnormal [first; last], 1-based inclusive.

    (k, 2) is read too; where k is 2, so that both would fit, the way in which the stretches do not overlap.

    Raises:
        UserError: another number of clips, something that is no frame number, or stretches that fit neither way.
    """
    cells = read_variable(path, "gt")
    if len(cells) != clips:
        raise UserError(f"{path}: gt has {len(cells)} entries but there are {clips} test clips: they must be equal")
    tables = [_frame_numbers(path, number, cell) for number, cell in enumerate(cells, start=1)]
    if _stand(path, tables):
        tables = [table.T for table in tables]
    spans = [table.tolist() if table.size else [] for table in tables]
    return [Intervals(path, tuple((first - 1, last - 1) for first, last in own)) for own in spans]


def _frame_numbers(path: Path, number: int, cell: np.ndarray) -> np.ndarray:
    """One clip's entry as (2, k) or (k, 2) whole numbers; a single row or column of pairs becomes (k, 2)."""
    what = f"{path}: gt of test clip {number}"
    if not isinstance(cell, np.ndarray) or cell.dtype.kind not in "biuf":
        raise UserError(f"{what} holds no numbers; it must be 2 x k: first and last frame of each abnormal stretch")
    if cell.size == 0:
        return np.zeros((2, 0), np.int64)
    if not (np.isfinite(cell) & (cell == np.round(cell)) & (np.abs(cell) < LARGEST_FRAME)).all():
        raise UserError(f"{what} holds something that is no frame number: {cell.ravel()[:6].tolist()}")
    table = cell.astype(np.int64)
    if table.ndim == 2 and 2 in table.shape:
        return table
    if table.size % 2 or max(table.shape) != table.size:
        shape = " x ".join(map(str, table.shape))
        raise UserError(f"{what} is {shape}; it must be 2 x k: first and last frame of each abnormal stretch")
    return table.reshape(-1, 2)


def _stand(path: Path, tables: Sequence[np.ndarray]) -> bool:
    """Whether columns are the stretches (2, k), as published, rather than rows (k, 2): one way for the whole file."""
    fit = {True: True, False: True}
    for table in tables:
        for upright in fit:
            fit[upright] &= _fits(table if upright else table.T, square=table.shape == (2, 2))
    if not any(fit.values()):
        raise UserError(
            f"{path}: gt fits neither as 2 x k (first frames above last ones) nor as k x 2; "
            "write it as 2 x k, stretches in order and apart from each other"
        )
    return fit[True]


def _fits(table: np.ndarray, square: bool) -> bool:
    if table.shape[0] != 2:
        return table.size == 0
    ordered = bool((table[0] <= table[1]).all())
    return ordered and (not square or table[1, 0] < table[0, 1])


def read_variable(path: Path, key: str) -> list[np.ndarray]:
    """The entries of cell array ``key`` in a ``.mat``, in MATLAB's order; a plain array is one entry.

    It is read in a process of its own first: the readers are C, which some damage makes crash, and a small file may
    unpack to any size.

    Raises:
        UserError: the file is none of MATLAB's, damaged or too large, or has no such variable.
    """
    try:
        data = path.read_bytes()
        done = subprocess.run([sys.executable, "-c", _READ, path, key], capture_output=True, text=True, check=False)
        if done.returncode == _TOO_LARGE:
            raise UserError(
                f"{path}: '{key}' takes more than {LARGEST >> 20} MiB of memory to read; give labels as a .npy of 0 "
                "and 1 per frame, masks as a .npy of (frames, height, width) or as pictures"
            )
        if done.returncode < 0:
            raise ValueError("it is damaged")
        if done.returncode:
            raise ValueError(done.stderr.strip().rpartition("\n")[2].partition(": ")[2])
        cells = _cells(data, key)
    except UserError:
        raise
    except Exception as error:  # scipy and h5py answer damage with nearly any of Python's exceptions
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} cannot be read as a MATLAB file ({reason}); restore it") from None
    if cells is None:
        raise UserError(f"{path} has no variable '{key}'; it must hold the data set's ground truth")
    return cells


def try_to_read(path: str, key: str) -> None:
    """Read a variable in little memory: what the process that :func:`read_variable` starts is for."""
    data = Path(path).read_bytes()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + LARGEST
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        _cells(data, key)
    except Exception as error:
        # zlib has no exception for it
        if isinstance(error, MemoryError) or re.search(r"memory|allocate", str(error)):
            sys.exit(_TOO_LARGE)
        raise


def _cells(data: bytes, key: str) -> list[np.ndarray] | None:
    return _hdf5_cells(data, key) if HDF5 in data[:2048] else _level5_cells(data, key)


def _level5_cells(data: bytes, key: str) -> list[np.ndarray] | None:
    values = scipy.io.loadmat(io.BytesIO(data), variable_names=[key])
    if key not in values:
        return None
    value = values[key]
    return list(value.ravel(order="F")) if value.dtype == object else [value]


def _hdf5_cells(data: bytes, key: str) -> list[np.ndarray] | None:
    """MATLAB stores arrays transposed there, and a cell array as references."""
    with h5py.File(io.BytesIO(data), "r") as file:
        if key not in file:
            return None
        value = file[key]
        if not isinstance(value, h5py.Dataset):
            return [np.array("struct")]
        own = [value] if value.dtype != h5py.ref_dtype else [file[reference] for reference in value[()].ravel()]
        if sum(array.nbytes for array in own if isinstance(array, h5py.Dataset)) > 0.75 * LARGEST:
            raise MemoryError  # HDF5 itself would say anything
        return [_hdf5_array(array) for array in own]


def _hdf5_array(value: h5py.Dataset | h5py.Group) -> np.ndarray:
    if not isinstance(value, h5py.Dataset) or value.attrs.get("MATLAB_class", b"double") in (b"char", b"cell"):
        return np.array("no numbers")
    if value.attrs.get("MATLAB_empty", 0):
        return np.zeros((0, 0))
    return value[()].T
