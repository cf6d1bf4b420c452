"""A full disk, whoever writes: ``python -m tests.faults.full``. Needs the right to mount a file system in memory."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from tqdm import tqdm

from vad.data.frames import ClipWriter
from vad.detectors.stae.training import Training
from vad.pipeline import artifacts, stage
from vad.visualization import annotate, style

SOURCE = Path(__file__).parents[2]
NOISE = np.random.default_rng(0).normal(size=(1000, 1000))
PICTURE = (255 * np.random.default_rng(0).random((240, 320, 3))).astype(np.uint8)


def checkpoint() -> None:
    params = SimpleNamespace(widths=(64, 64, 64, 64), learning_rate=1e-3)
    Training(params, 0, Path("data/checkpoints/a.pt"))._save()


def frames() -> None:
    with artifacts.replacing("data/frames") as folder:
        folder.mkdir()
        with ClipWriter(folder / "a.zip", 95) as clip:
            for number in range(100):
                clip.add(number, PICTURE)


def video() -> None:
    with artifacts.replacing("data/videos") as folder:
        folder.mkdir()
        annotate.write((np.roll(PICTURE, turn, axis=0) for turn in range(100)), folder / "a.mp4", 25, 10)


def figure() -> None:
    with artifacts.replacing("plots/curves") as folder, style.style():
        folder.mkdir()
        made, axis = plt.subplots(figsize=(12, 12))
        axis.imshow(NOISE)
        style.save(made, folder / "a", 200)


WRITERS: dict[str, Callable[[], None]] = {
    "arrays (npz)": lambda: artifacts.save_arrays("data/a.npz", {"x": NOISE}),
    "model (safetensors)": lambda: artifacts.save_state("data/models/a", {"all": {"x": NOISE}}, {}),
    "table (parquet)": lambda: artifacts.save_table(
        "data/a.parquet", pd.DataFrame(NOISE, columns=map(str, range(1000)))
    ),
    "table (csv)": lambda: artifacts.save_table("data/a.csv", pd.DataFrame(NOISE)),
    "checkpoint of a training": checkpoint,
    "frames (zip of JPEG)": frames,
    "video (mp4)": video,
    "figure (png, pdf)": figure,
}


def main() -> int:
    if sys.argv[1:]:
        stage.run(lambda: [WRITERS[sys.argv[1]]() for _ in tqdm(range(3), desc="write", unit="file")] and None, "toy")
    with tempfile.TemporaryDirectory(prefix="vad-full-") as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True).returncode:
            print("full disk: not tried, as no file system may be mounted here")
            return 0
        try:
            return sum(refused(name, folder) for name in WRITERS)
        finally:
            subprocess.run(["umount", folder], check=True)


def refused(name: str, folder: str) -> bool:
    """Whether writing so on a full disk ends in anything but one line."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.full", name], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    line = done.stderr.splitlines()[-1] if done.stderr else ""
    said = line.startswith("toy: the disk is full while writing") and "Traceback" not in done.stderr
    left = list(Path(folder).rglob(".writing-*"))
    print(f"{name:28s} {line} {'' if not left else f'left {left}'}", flush=True)
    subprocess.run(["rm", "-rf", f"{folder}/data", f"{folder}/plots"], check=True)
    return done.returncode != 1 or not said or bool(left)


if __name__ == "__main__":
    sys.exit(main())
