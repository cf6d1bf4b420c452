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


def save_json(path: Path | str, values: dict) -> None:
    """JSON with two-space indents; floats rounded to 6 decimals so that a metric reads as one; NaN becomes null."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(_plain(values), indent=2, ensure_ascii=False) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return round(float(value), 6) if np.isfinite(value) else None
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


def save_state(folder: Path | str, states: dict[str, dict[str, np.ndarray]], meta: dict) -> None:
    """A detector's fitted state: one ``<fold>.safetensors`` per fold, and ``meta.json``.

    Args:
        states: fold name -> array name -> array. Detectors that need no labels have the one fold ``all``.
        meta: small JSON values; empty ``states`` with ``meta["skipped"] = "why"`` says that the detector did not run.
    """
    from safetensors.numpy import save_file

    with replacing(folder) as temporary:
        temporary.mkdir()
        for fold, arrays in states.items():
            contiguous = {name: np.asarray(array, order="C") for name, array in sorted(arrays.items())}
            save_file(contiguous, temporary / f"{fold}.safetensors")
        (temporary / "meta.json").write_text(json.dumps(_plain(meta), indent=2) + "\n")


def load_state(folder: Path | str) -> tuple[dict[str, dict[str, np.ndarray]], dict]:
    """What :func:`save_state` wrote: (states, meta)."""
    from safetensors.numpy import load_file

    folder = Path(folder)
    states = {path.stem: load_file(path) for path in sorted(folder.glob("*.safetensors"))}
    return states, json.loads((folder / "meta.json").read_text())
