"""Artifacts: written whole, the same bytes for the same content, and read so that damage shows.

Everything is written outside the folders that stages read (``vad.pipeline.scratch``) and moved into place; tables,
arrays and JSON are serialised without time stamps or machine-dependent order. Every file carries a checksum
(``vad.pipeline.seals``) or has one kept (``vad.pipeline.sums``), and each ``load_`` compares it: a file that was
truncated, emptied or changed by a bit is :class:`~vad.pipeline.errors.Damaged`, one line.
"""

import io
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vad.pipeline import naming, scratch, seals, sums
from vad.pipeline.errors import Damaged, Missing, UserError

if TYPE_CHECKING:  # a stage that stands aside writes JSON alone, and is done before these are loaded
    import numpy as np
    import pandas as pd


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A temporary path that replaces ``path`` when the block ends well and vanishes when it does not.

    The caller creates a file or a folder at the temporary path. An existing folder at ``path`` is replaced whole.
    """
    path = Path(path)
    with scratch.holder(path) as holder:
        temporary = holder / path.name
        yield temporary
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            os.replace(path, holder / ".old")  # a kill from here on leaves no folder at all, never half of one
        os.replace(temporary, path)
        sums.remember(path)


def save_json(path: Path | str, values: dict, digits: int | None = 6) -> None:
    """JSON with two-space indents; floats rounded to ``digits`` so that a metric reads as one; NaN becomes null.

    Args:
        digits: decimals that floats keep; None keeps them as they are.
    """
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(_plain(values, digits), indent=2, ensure_ascii=False) + "\n")


def _plain(value: Any, digits: int | None) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item, digits) for key, item in value.items()}
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item, digits) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return value if digits is None else round(value, digits)
    return value


def save_table(path: Path | str, table: "pd.DataFrame") -> None:
    """A table as .parquet or .csv, by the suffix of ``path``, without its index."""
    with replacing(path) as temporary:
        write_table(temporary, table)


def save_empty_table(path: Path | str, columns: dict[str, str]) -> None:
    """A .parquet table without rows, of columns name -> Arrow's name of the type; quicker than by way of pandas."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()], {"seal": seals.EMPTY})
    with replacing(path) as temporary:
        parquet.write_table(pa.Table.from_batches([], schema), temporary, write_page_checksum=True)
        seals.seal(temporary)


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """The same into a folder that is itself being written."""
    if path.suffix == ".csv":
        _texts(table, naming.cell).to_csv(path, index=False, lineterminator="\n")
    else:
        _write_parquet(path, table)
        seals.seal(path)


def _texts(table: "pd.DataFrame", change: Callable[[str], str]) -> "pd.DataFrame":
    """The table with those cells changed that a spreadsheet could take for a formula."""
    import pandas as pd

    def hostile(name: str) -> bool:
        return any(isinstance(cell, str) and naming.FORMULA.match(cell) for cell in table[name].unique())

    columns = [name for name in table if not pd.api.types.is_numeric_dtype(table[name].dtype) and hostile(name)]
    cells = {name: [change(cell) if isinstance(cell, str) else cell for cell in table[name]] for name in columns}
    return table.assign(**cells)


def _write_parquet(path: Path, table: "pd.DataFrame") -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = pa.Table.from_pandas(table, preserve_index=False)
    columns = columns.replace_schema_metadata({**(columns.schema.metadata or {}), b"seal": seals.EMPTY})
    parquet.write_table(columns, path, write_page_checksum=True)


def save_arrays(path: Path | str, arrays: "dict[str, np.ndarray]") -> None:
    """Named arrays as a compressed .npz (its zip entries carry no time stamp)."""
    with replacing(path) as temporary:
        write_arrays(temporary, arrays)


def write_arrays(path: Path, arrays: "dict[str, np.ndarray]") -> None:
    """The same into a folder that is itself being written."""
    import numpy as np

    with open(path, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # the stubs take an array for allow_pickle
    seals.seal(path)


States = dict[str, dict[str, "np.ndarray"]]  # fold name -> array name -> array
Tables = dict[str, "pd.DataFrame"]


def save_state(folder: Path | str, states: States, meta: dict, tables: Tables | None = None) -> None:
    """A detector's fitted state: one ``<fold>.safetensors`` per fold, ``<table>.parquet`` and ``meta.json``.

    Args:
        states: detectors that need no labels have the one fold ``all``.
        meta: small JSON values; empty ``states`` with ``meta["skipped"] = "why"`` says that the detector did not run.

    Raises:
        UserError: a fold's name, which may be a scene's, is none that a file can have.
    """
    for name in states:
        if reason := naming.why_no_file(name):
            raise UserError(f"'{naming.printable(name)}' cannot be a name here: {reason}")
    with replacing(folder) as temporary:
        temporary.mkdir()
        for fold, arrays in states.items():
            import numpy as np
            from safetensors.numpy import save

            contiguous = {name: np.asarray(array, order="C") for name, array in sorted(arrays.items())}
            file = temporary / f"{fold}.safetensors"
            # By way of memory: when the disk is full, save_file removes what it wrote, and there is room again.
            file.write_bytes(save(contiguous, {"seal": seals.EMPTY.decode()}))
            seals.seal(file)
        for name, table in (tables or {}).items():
            write_table(temporary / f"{name}.parquet", table)
        (temporary / "meta.json").write_text(json.dumps(_plain(meta, None), indent=2, ensure_ascii=False) + "\n")


# --- reading ---------------------------------------------------------------------------------------------------------


def load_table(path: Path | str, **options) -> "pd.DataFrame":
    """A table that :func:`save_table` wrote; ``options`` are those of pandas' reader.

    Raises:
        Missing: there is no such file.
        Damaged: it is not what was written.
    """
    import pandas as pd

    path = Path(path)
    with _reading(path):
        if path.suffix == ".csv":
            options = {"keep_default_na": False, "na_values": [""], **options}  # a clip may be called NA
            return _texts(pd.read_csv(io.BytesIO(_text(path)), **options), naming.from_cell)
        return pd.read_parquet(io.BytesIO(seals.unsealed(path)), page_checksum_verification=True, **options)


def load_arrays(path: Path | str) -> "dict[str, np.ndarray]":
    """The arrays of an .npz, all of them. Raises as :func:`load_table`."""
    import zipfile

    import numpy as np

    path = Path(path)
    with _reading(path), zipfile.ZipFile(io.BytesIO(seals.unsealed(path))) as archive:
        # Each entry whole, so that zip's own checksum of it is compared too.
        entries = {name.removesuffix(".npy"): io.BytesIO(archive.read(name)) for name in archive.namelist()}
        return {name: np.lib.format.read_array(entry, allow_pickle=False) for name, entry in entries.items()}


def load_json(path: Path | str) -> dict:
    """The object that :func:`save_json` wrote. Raises as :func:`load_table`."""
    path = Path(path)
    with _reading(path):
        values = json.loads(_text(path))
        if not isinstance(values, dict):
            raise Damaged(path, "it is no JSON object")
        return values


def load_state(folder: Path | str) -> tuple[States, dict, Tables]:
    """What :func:`save_state` wrote: (states, meta, tables). Raises as :func:`load_table`."""
    from safetensors.numpy import load

    folder, states = Path(folder), {}
    for path in sorted(folder.glob("*.safetensors")):
        with _reading(path):
            states[path.stem] = load(seals.unsealed(path))
    tables = {path.stem: load_table(path) for path in sorted(folder.glob("*.parquet"))}
    return states, load_meta(folder), tables


def load_meta(folder: Path | str) -> dict:
    """What is said beside the state that :func:`save_state` wrote, without reading that."""
    return load_json(Path(folder) / "meta.json")


def _text(path: Path) -> bytes:
    content = path.read_bytes()
    if not content.strip():
        raise Damaged(path, "it is empty")
    sums.check(path, content)
    return content


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What libraries say of a broken file, as one line that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise Missing(path) from error
    except OSError as error:
        if error.errno is not None and not isinstance(error, _broken()):
            raise  # the file system's own: no permission, an unreadable sector
        raise Damaged(path, _first_line(error)) from error
    except Exception as error:
        if not isinstance(error, _broken()):
            raise
        raise Damaged(path, _first_line(error)) from error


def _broken() -> tuple[type[Exception], ...]:
    import struct
    import zipfile
    import zlib

    import pandas as pd
    from pyarrow import ArrowException
    from safetensors import SafetensorError

    return (
        ValueError, KeyError, TypeError, EOFError, OverflowError, MemoryError, struct.error, zlib.error, SyntaxError,
        NotImplementedError, zipfile.BadZipFile, pd.errors.ParserError, ArrowException, SafetensorError,
    )  # fmt: skip


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
