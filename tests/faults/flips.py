"""Random single-bit flips in every kind of artifact of a run: ``python -m tests.faults.flips FOLDER``.

A file is damaged, read as the stages read it, and put back. Either the reading fails in one line that names the file,
or it gives the very values that it gave before (a bit of a time stamp in a zip archive means nothing). Anything else
would be a silently wrong number. A few are then followed through the stage that reads them.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vad.data.frames import Clip
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError

FLIPS = 100
DOWNSTREAM = {  # artifact -> the stage that reads it
    "data/scores/padim.parquet": "stages.fuse",
    "data/fused.parquet": "stages.tune_thresholds",
    "data/fusion.json": "stages.evaluate",
    "data/models/padim/all.safetensors": "stages.score padim",
    "data/manifest.csv": "stages.fuse",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a project whose stages have all run")
    os.chdir(parser.parse_args().folder)
    rng, silent = np.random.default_rng(0), 0
    for kind, (pattern, read) in KINDS.items():
        files = [file for file in sorted(Path().glob(pattern)) if file.stat().st_size]
        counts = dict.fromkeys(("refused", "same values", "SILENT", "TRACEBACK"), 0)
        for turn in range(FLIPS if files else 0):
            counts[flip(files[turn % len(files)], read, rng)] += 1
        silent += counts["SILENT"] + counts["TRACEBACK"]
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        print(f"{kind:28s} {len(files):3d} files  {said or 'nothing of that kind'}", flush=True)
    for name, command in DOWNSTREAM.items():
        silent += not stage_refuses(Path(name), command, rng)
    return int(silent > 0)


def flip(file: Path, read: Callable[[Path], object], rng: np.random.Generator) -> str:
    """What comes of one flipped bit in ``file``."""
    sound, content = read(file), file.read_bytes()
    try:
        damage(file, content, int(rng.integers(8 * len(content))))
        return "same values" if same(read(file), sound) else "SILENT"
    except UserError as error:
        return "refused" if str(file) in str(error) and "\n" not in str(error) else "TRACEBACK"
    except Exception as error:
        print(f"{file}: {type(error).__name__}: {error}")
        return "TRACEBACK"
    finally:
        damage(file, content, None)


def damage(file: Path, content: bytes, bit: int | None) -> None:
    """Write ``content`` with one ``bit`` turned as a file of its own: hard links in the cache stay as they are."""
    changed = bytearray(content)
    if bit is not None:
        changed[bit // 8] ^= 1 << bit % 8
    file.unlink()
    file.write_bytes(changed)


def same(one: object, other: object) -> bool:
    """Equal in every value."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if hasattr(one, "equals"):
        return one.equals(other) and (one.dtypes == other.dtypes).all()
    return one == other


def stage_refuses(file: Path, command: str, rng: np.random.Generator) -> bool:
    """Whether the stage ends with one line about a ``file`` with one flipped bit in its middle half."""
    content = file.read_bytes()
    place = int(rng.integers(2 * len(content), 6 * len(content)))
    try:
        damage(file, content, place)
        done = subprocess.run([sys.executable, "-m", *command.split()], capture_output=True, text=True, check=False)
    finally:
        damage(file, content, None)
    last = done.stderr.strip().splitlines()[-1:] or [""]
    refused = done.returncode == 1 and "is damaged" in last[0] and "Traceback" not in done.stderr
    print(
        f"python -m {command}, bit {place} of {file}: {'refused' if refused else 'NOT REFUSED'}: {last[0]}", flush=True
    )
    return refused


def read_clip(path: Path) -> list[np.ndarray]:
    """All frames of a clip."""
    index = artifacts.load_table("data/frames.parquet")
    numbers = index.loc[index["clip"] == path.stem, "frame"].to_numpy()
    clip = Clip(path.stem, "", "", 24.0, numbers, np.zeros(len(numbers)), numbers, path=path)
    return [clip.read(int(number)) for number in numbers]


KINDS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "frames (zip of JPEG)": ("data/frames/*.zip", read_clip),
    "masks (npz)": ("data/masks/*.npz", artifacts.load_arrays),
    "embeddings (npz)": ("data/embeddings.npz", artifacts.load_arrays),
    "maps (npz)": ("data/maps/*/*.npz", artifacts.load_arrays),
    "frame index, sample (parquet)": ("data/[fs]*m*.parquet", artifacts.load_table),
    "objects (parquet)": ("data/objects/*.parquet", artifacts.load_table),
    "tracks (parquet)": ("data/*tracks.parquet", artifacts.load_table),
    "scores (parquet)": ("data/scores/*.parquet", artifacts.load_table),
    "fused scores (parquet)": ("data/fused.parquet", artifacts.load_table),
    "models (safetensors)": ("data/models/*/*.safetensors", lambda path: artifacts.load_state(path.parent)[0]),
    "models (parquet)": ("data/models/*/*.parquet", artifacts.load_table),
    "models (json)": ("data/models/*/meta.json", artifacts.load_json),
    "results (json)": ("data/*.json", artifacts.load_json),
    "zero-shot levels (json)": ("data/zeroshot/*.json", artifacts.load_json),
    "metrics (json)": ("metrics/*.json", artifacts.load_json),
    "tables (csv)": ("data/*.csv", artifacts.load_table),
    "zero-shot tables (csv)": ("data/zeroshot/*.csv", artifacts.load_table),
}


if __name__ == "__main__":
    sys.exit(main())
