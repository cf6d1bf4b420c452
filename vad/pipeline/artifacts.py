"""Writing artifacts so that a reader never sees half of one and a rerun gives the same bytes.

Everything is written to a temporary sibling and moved into place; tables, arrays and JSON are serialised without time
stamps or machine-dependent order.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

# Paths moved into place by this process, in order: what the stage made (see vad.pipeline.stage).
written: list[Path] = []


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it when the block ends well and vanishes when it does not.

    The caller creates a file or a folder at the temporary path. An existing folder at ``path`` is replaced whole.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    holder = Path(tempfile.mkdtemp(prefix=f".writing-{os.getpid()}-", dir=path.parent))
    temporary = holder / path.name
    try:
        yield temporary
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        os.replace(temporary, path)
        written[:] = [other for other in written if holder not in other.parents] + [path]
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left half-written in ``folder``."""
    for leftover in folder.glob(".writing-*-*"):
        try:
            os.kill(int(leftover.name.split("-")[1]), 0)
        except ProcessLookupError:
            shutil.rmtree(leftover, ignore_errors=True)
        except (PermissionError, ValueError):
            pass  # alive under another user, or not ours


def save_json(path: Path | str, values: dict, digits: int | None = 6) -> None:
    """JSON with two-space indents; floats rounded to ``digits`` so that a metric reads as one; NaN becomes null.

    Args:
        digits: decimals that floats keep; None keeps them as they are.
    """
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(_plain(values, digits), indent=2, ensure_ascii=False) + "\n")


def _plain(value: object, digits: int | None) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item, digits) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            return None
        return float(value) if digits is None else round(float(value), digits)
    return value


def save_table(path: Path | str, table: pd.DataFrame) -> None:
    """A table as .parquet or .csv, by the suffix of ``path``, without its index."""
    with replacing(path) as temporary:
        if temporary.suffix == ".csv":
            table.to_csv(temporary, index=False, lineterminator="\n")
        else:
            table.to_parquet(temporary, index=False)


def save_arrays(path: Path | str, arrays: dict[str, np.ndarray]) -> None:
    """Named arrays as a compressed .npz (its zip entries carry no time stamp)."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


States = dict[str, dict[str, np.ndarray]]  # fold name -> array name -> array
Tables = dict[str, pd.DataFrame]


def save_state(folder: Path | str, states: States, meta: dict, tables: Tables | None = None) -> None:
    """A detector's fitted state: one ``<fold>.safetensors`` per fold, ``<table>.parquet`` and ``meta.json``.

    Args:
        states: detectors that need no labels have the one fold ``all``.
        meta: small JSON values; empty ``states`` with ``meta["skipped"] = "why"`` says that the detector did not run.
    """
    from safetensors.numpy import save_file

    with replacing(folder) as temporary:
        temporary.mkdir()
        for fold, arrays in states.items():
            contiguous = {name: np.asarray(array, order="C") for name, array in sorted(arrays.items())}
            save_file(contiguous, temporary / f"{fold}.safetensors")
        for name, table in (tables or {}).items():
            table.to_parquet(temporary / f"{name}.parquet", index=False)
        (temporary / "meta.json").write_text(json.dumps(_plain(meta, None), indent=2, ensure_ascii=False) + "\n")


def load_state(folder: Path | str) -> tuple[States, dict, Tables]:
    """What :func:`save_state` wrote: (states, meta, tables)."""
    from safetensors.numpy import load_file

    folder = Path(folder)
    states = {path.stem: load_file(path) for path in sorted(folder.glob("*.safetensors"))}
    tables = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    return states, load_meta(folder), tables


def load_meta(folder: Path | str) -> dict:
    """What is said beside the state that :func:`save_state` wrote, without reading that."""
    return json.loads((Path(folder) / "meta.json").read_text())
