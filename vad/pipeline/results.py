"""What a run left behind, read for people: metrics, costs. A file that is not there is an empty answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vad.pipeline import artifacts

if TYPE_CHECKING:
    import pandas as pd

LIVE = "live"  # the column of a camera's scores, where they differ from those of a stored clip, which see it whole
METRICS = Path("metrics")
MODELS = Path("data/models")
TIMINGS = Path("data/timings")


class Known(dict[str, Any]):
    """A JSON object in which what nobody wrote is None: templates print it as a dash."""

    def __missing__(self, key: str) -> None:
        return None


def known(entries: Mapping[str, object]) -> dict[str, Known]:
    """The objects among ``entries``."""
    return {name: Known(own) for name, own in entries.items() if isinstance(own, dict)}


def read_metrics(folder: Path = METRICS) -> dict[str, dict]:
    """``metrics/<detector>.json`` by detector; those that did not run hold the one key ``skipped``."""
    files = {path.stem: read_json(path) for path in sorted(folder.glob("*.json"))}
    return {name: values for name, values in files.items() if "clips" in values or "skipped" in values}


def read_timings(folder: Path = TIMINGS) -> dict[str, dict]:
    """The record of each stage's cost by stage name."""
    return {path.stem: read_json(path) for path in sorted(folder.glob("*.json"))}


def why_skipped(detector: str, folder: Path = MODELS) -> str | None:
    """Why ``detector`` was not fitted in the last run; None where it was."""
    if not (folder / detector / "meta.json").exists():
        return "it was not fitted"
    return artifacts.load_meta(folder / detector).get("skipped")


def why_unranked(frames: int, abnormal: int) -> str | None:
    """Why nothing can be ranked against the test frames' labels, in one line; None where both classes are there."""
    if 0 < abnormal < frames:
        return None
    only = "abnormal" if abnormal else "normal"
    return (
        f"all {frames:,} test frames are labelled {only}, so no ROC-AUC, F1 or event can be measured; labels of both "
        "kinds would say which detector to trust, and how much it misses"
    )


def read_json(path: Path) -> dict:
    """The JSON object in ``path``; empty where there is no such file."""
    return artifacts.load_json(path) if path.exists() else {}


def read_table(path: Path) -> "pd.DataFrame":
    """The CSV table in ``path``, clips, scenes and types as text; empty where there is no such file."""
    import pandas as pd

    texts = dict.fromkeys(["clip", "scene", "type"], str)
    return artifacts.load_table(path, dtype=texts) if path.exists() else pd.DataFrame()
