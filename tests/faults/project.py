"""A small copy of the project in which every stage runs for seconds."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
from ruamel.yaml import YAML

from vad.pipeline import verification, wiring

SOURCE = Path(__file__).parents[2]
SMALL = {
    "simulate": {
        "train_clips": 8, "test_clips": 8, "frames": 80, "width": 214, "height": 120, "scenes": 2,
        "weak_clips": 8, "weak_frames": 80,
    },
    "extract_frames": {"short_side": 120},
    "balance_sample": {"normal": 120, "cam_reference": 20, "calibration": 100, "folds": 2},
    "backbone": {"image_size": 96},
    "encoder": {"image_size": 96},
    "padim": {"grid": 7, "n_features": 20},
    "spade": {"grid": 7, "gallery": 40, "neighbours": 5},
    "gradcam": {"grid": 7},
    "motion": {"height": 120, "max_fit_frames": 100},
    "extract_objects": {"height": 120, "max_fit_frames": 200},
    "object_ae": {"steps": 5, "max_objects": 200},
    "objects": {"max_objects": 200},
    "stae": {"steps": 6, "evaluate_every": 3, "checkpoint_every": 2, "holdout_windows": 4, "score_stride": 16},
    "evaluation": {"resamples": 100},
    "pictures": {"dpi": 60},
    "annotate": {"clips": 1},
}  # fmt: skip


class Project:
    """A clone of the repository's present files in ``folder``, with small parameters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PATH": f"{SOURCE / '.venv/bin'}:{os.environ['PATH']}",
        }
        self.environment.pop("DVC_STAGE", None)

    def make(self) -> None:
        """Copy what Git tracks or would, reduce the parameters, commit."""
        self.folder.mkdir(parents=True)
        names = _git(SOURCE, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
        for name in names:
            if (SOURCE / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(SOURCE / name, self.folder / name)
        (self.folder / ".venv").symlink_to(SOURCE / ".venv")
        yaml, file = YAML(), self.folder / "params.yaml"
        values = yaml.load(file)
        for section, changes in SMALL.items():
            values[section].update(changes)
        yaml.dump(values, file)
        _git(self.folder, "init", "-q")
        _git(self.folder, "add", "-A")
        _git(self.folder, "-c", "user.name=f", "-c", "user.email=f@f", "commit", "-qm", "small")

    def copy(self, folder: str) -> "Project":
        """The same project, with its cache and outputs, in another ``folder``; what is linked together stays so."""
        subprocess.run(["cp", "-a", self.folder, folder], check=True)
        return Project(Path(folder))

    def dvc(self, *arguments: str) -> subprocess.Popen:
        """``dvc`` with ``arguments``, in a process group of its own, its output in ``<folder>/.dvc/tmp/faults.log``."""
        (self.folder / ".dvc/tmp").mkdir(exist_ok=True)
        with open(self.log, "wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dvc", *arguments], cwd=self.folder, env=self.environment,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> Path:
        """What the last ``dvc`` printed."""
        return self.folder / ".dvc/tmp/faults.log"

    def repro(self, *arguments: str) -> None:
        """``dvc repro``, which has to succeed."""
        if code := self.dvc("repro", *arguments).wait():
            tail = self.log.read_text(errors="replace")[-2000:]
            raise AssertionError(f"dvc repro {' '.join(arguments)} ended with {code}: {tail}")

    def mended(self) -> bool:
        """Whether DVC's lock was half-written; then ``make demo``'s first command has to mend it."""
        if not list(verification.of_locks(self.folder / verification.DVC_TMP)):
            return False
        command = [sys.executable, "-m", "stages.check_data"]
        subprocess.run(command, cwd=self.folder, env=self.environment, check=True, capture_output=True)
        return True

    @property
    def lock(self) -> str:
        """The content of dvc.lock."""
        return (self.folder / "dvc.lock").read_text()

    def stages(self) -> list[str]:
        """The names of all stages, each after those whose outputs it reads."""
        return [stage.name for stage in wiring.stages(self.folder)]

    def processes(self) -> list[psutil.Process]:
        """Processes that work in the project's folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(self.folder):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def orphans(self, seconds: float) -> list[str]:
        """The command lines of processes that are still there after ``seconds``."""
        until = time.monotonic() + seconds
        while (found := self.processes()) and time.monotonic() < until:
            time.sleep(0.1)
        return [" ".join(process.cmdline())[:120] for process in found if process.is_running()]

    def leftovers(self) -> list[str]:
        """What is half-written, wherever it lies."""
        return [str(path.relative_to(self.folder)) for path in self.folder.rglob(".writing-*")]


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout
