"""A project folder as the app sees it: where the pipeline's outputs lie, and which of them are there."""

import os
from dataclasses import dataclass
from pathlib import Path

from vad.pipeline.errors import UserError

Stamp = tuple[tuple[int, int] | None, ...]


def stamp(*paths: Path) -> Stamp:
    """Modification time (ns) and size of each path, None where there is none: what cached readings are kept by."""
    return tuple((path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else None for path in paths)


@dataclass(frozen=True)
class Project:
    """The folder with params.yaml, data/, metrics/ and plots/."""

    root: Path

    @classmethod
    def current(cls) -> "Project":
        """``VAD_PROJECT``, else the working directory.

        Raises:
            UserError: ``VAD_PROJECT`` is not a folder.
        """
        root = Path(os.environ.get("VAD_PROJECT", ".")).expanduser().resolve()
        if not root.is_dir():
            raise UserError(f"VAD_PROJECT = {root} is not a folder; set it to the folder that holds params.yaml")
        return cls(root)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics"

    @property
    def fused(self) -> Path:
        return self.data / "fused.parquet"

    @property
    def thresholds(self) -> Path:
        return self.data / "thresholds.json"

    @property
    def latency(self) -> Path:
        return self.data / "latency.json"

    @property
    def params(self) -> Path:
        return self.root / "params.yaml"

    @property
    def store(self) -> list[Path]:
        """The tables of the frame store."""
        return [self.data / name for name in ("manifest.csv", "frames.parquet", "tracks.parquet")]

    def need(self, what: str, *paths: Path) -> None:
        """Raise one line that says what to run unless all ``paths`` are there."""
        missing = [path for path in paths if not path.exists()]
        if missing:
            name = missing[0].relative_to(self.root)
            raise UserError(f"{what}: {name} is not there yet. Run 'dvc repro' (or 'make demo') in {self.root}")

    def maps(self, detector: str, clip: str) -> Path:
        """Where the score maps of a clip lie, if the detector left any."""
        return self.data / "maps" / detector / f"{clip}.npz"

    def with_maps(self, clip: str) -> list[str]:
        """Detectors that left maps of ``clip``, by name."""
        return sorted(path.parent.name for path in (self.data / "maps").glob(f"*/{clip}.npz"))
