"""Runs that DVC knows of: the workspace, the last commits and the experiments, with their parameters and metrics."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vad.pipeline.errors import UserError
from vad.pipeline.results import read_json

ABOUT = ("Experiment", "rev", "typ", "Created", "parent", "State", "Executor")
METRICS = "metrics/"


@dataclass(frozen=True)
class Run:
    """One row of ``dvc exp show``.

    Attributes:
        name: of the experiment, the branch or "workspace"; commit: abbreviated, empty for the workspace.
        created: as DVC says it; state: Success, Failed, Queued, Running or empty.
        params: dotted key -> value; metrics: detector -> dotted key -> value.
    """

    name: str
    commit: str
    created: str
    state: str
    params: dict[str, object]
    metrics: dict[str, dict[str, float]]

    @property
    def label(self) -> str:
        return f"{self.name} ({self.commit})" if self.commit and self.commit != self.name else self.name


def known(root: Path) -> list[Run]:
    """The runs of the DVC project at ``root``, the workspace first.

    Raises:
        UserError: it is not a DVC project in a Git repository, or DVC cannot read it.
    """
    import dvc.api
    from dvc.exceptions import DvcException
    from dvc.scm import SCMError

    try:
        rows = dvc.api.exp_show(repo=str(root))
    except (DvcException, SCMError) as error:
        raise UserError(
            f"No experiments: {' '.join(str(error).split())}. They need a DVC project in Git: "
            f"run 'git init', 'dvc init' and a first 'git commit' in {root}"
        ) from None
    owners = bare_metrics(root / "metrics")
    return [run(row, owners) for row in rows]


def bare_metrics(folder: Path) -> dict[str, str]:
    """Dotted key -> detector of all metrics on disk: DVC puts a file before a key only where two files have it."""
    return {key: path.stem for path in sorted(folder.glob("*.json")) for key in _dotted(read_json(path))}


def _dotted(values: dict, before: str = "") -> list[str]:
    keys = []
    for key, value in values.items():
        keys += _dotted(value, f"{before}{key}.") if isinstance(value, dict) else [f"{before}{key}"]
    return keys


def run(row: dict[str, object], owners: dict[str, str]) -> Run:
    """A row of ``dvc.api.exp_show`` taken apart into parameters and metrics.

    Args:
        owners: dotted key -> detector of metrics that come without their file (:func:`bare_metrics`).
    """
    values = {key: value for key, value in row.items() if key not in ABOUT and not pd.isna(value)}
    params, metrics = {}, {}
    for key, value in values.items():
        file, _, rest = key.rpartition(":")
        if file.startswith(METRICS):
            metrics.setdefault(file.removeprefix(METRICS).removesuffix(".json"), {})[rest] = value
        elif not file and key in owners:
            metrics.setdefault(owners[key], {})[key] = value
        else:
            params[rest] = value
    return Run(
        name=str(row.get("Experiment") or row.get("rev") or "?"),
        commit=str(row.get("rev") or "") if row.get("rev") != "workspace" else "",
        created=str(row.get("Created") or ""),
        state=str(row.get("State") or ""),
        params=params,
        metrics=metrics,
    )


def overview(runs: list[Run], metric: str, detectors: list[str]) -> pd.DataFrame:
    """A row per run: run, created, what its parameters differ in from the workspace's, ``metric`` of each detector."""
    rows = []
    for own in runs:
        changes = ", ".join(f"{key}={value}" for key, value in changed(runs[0], own)["b"].items())
        row = {"Run": own.label, "Created": own.created, "Parameters, other than the workspace's": changes}
        rows.append(row | {name: own.metrics.get(name, {}).get(metric) for name in detectors})
    return pd.DataFrame(rows).astype(dict.fromkeys(detectors, float))


def changed(a: Run, b: Run) -> pd.DataFrame:
    """Parameters in which two runs differ: index key, columns a and b (None where a run has no such parameter)."""
    keys = [key for key in sorted({*a.params, *b.params}) if a.params.get(key) != b.params.get(key)]
    return pd.DataFrame(
        {"a": [a.params.get(key) for key in keys], "b": [b.params.get(key) for key in keys]}, index=keys
    )


def side_by_side(a: Run, b: Run, metric: str) -> pd.DataFrame:
    """detector, a, b, change of one metric; detectors that neither run has are left out."""
    names = [
        name for name in {**a.metrics, **b.metrics} if metric in {**a.metrics.get(name, {}), **b.metrics.get(name, {})}
    ]
    table = pd.DataFrame(
        {"detector": names, "a": [a.metrics.get(name, {}).get(metric) for name in names],
         "b": [b.metrics.get(name, {}).get(metric) for name in names]}
    ).astype({"a": float, "b": float})  # fmt: skip
    return table.assign(change=table["b"] - table["a"])


def marks(root: Path) -> list[Path]:
    """Files that change when a run is added, saved or removed: what a cached reading is kept by."""
    common = subprocess.run(["git", "rev-parse", "--git-common-dir"], cwd=root, capture_output=True, text=True)
    if common.returncode:
        return []
    git = (root / common.stdout.strip()).resolve()
    refs = [path for kind in ("exps", "heads") for path in sorted((git / "refs" / kind).rglob("*"))]
    outputs = [root / "dvc.lock", root / "params.yaml", *sorted((root / "metrics").glob("*.json"))]
    return [git / "HEAD", git / "packed-refs", *refs, *outputs]
