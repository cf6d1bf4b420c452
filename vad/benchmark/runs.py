"""Runs of the pipeline that differ in their seed alone: how far each detector's figures depend on it.

On campus-sim another seed is another world: other people, light and events, and every random choice made anew. What
one run says of a detector is one draw; mean, spread and worst case over runs are what can be expected of the next.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vad.pipeline import params
from vad.pipeline.errors import UserError
from vad.post_processing.fusion import NAMES

Metrics = dict[str, dict]  # detector or fusion -> the values of its metrics/<name>.json
PARAMS = Path("params.yaml")


def load(folders: Sequence[Path]) -> dict[int, Metrics]:
    """Seed -> metrics of each run's workspace.

    Raises:
        UserError: fewer than two runs, a folder without metrics, two runs of one seed, or another parameter differs.
    """
    if len(folders) < 2:
        raise UserError("a spread needs at least two runs")
    runs: dict[int, Metrics] = {}
    first: dict | None = None
    for folder in folders:
        values = params.read_file(folder / PARAMS)
        seed = values.pop("seed")
        if first is None:
            first = values
        elif other := sorted(key for key in first.keys() | values.keys() if first.get(key) != values.get(key)):
            raise UserError(f"{folder}/params.yaml: {', '.join(other)} differ from {folders[0]}'s: only seeds may")
        if seed in runs:
            raise UserError(f"{folder}: seed {seed} was given before: runs of one seed are the same run")
        found = {path.stem: json.loads(path.read_text()) for path in sorted((folder / "metrics").glob("*.json"))}
        runs[seed] = {name: own for name, own in found.items() if "roc_auc" in own}
        if not runs[seed]:
            raise UserError(f"{folder}/metrics has no ROC-AUC: run 'dvc repro evaluate' there first")
    return runs


def spread(runs: Mapping[int, Metrics]) -> dict[str, dict[str, dict]]:
    """Over the runs, of every detector that all of them have: mean, standard deviation, least, most and ``values``.

    Of ``roc_auc``; of ``lead``, that minus the best single detector's of the same run; and of each type of event,
    by which a type that some run does not show is left out.
    """
    names = set.intersection(*(set(own) for own in runs.values()))
    best = {seed: max(own["roc_auc"] for name, own in run.items() if name not in NAMES) for seed, run in runs.items()}
    result: dict[str, dict[str, dict]] = {}
    for name in sorted(names):
        own = {seed: run[name] for seed, run in runs.items()}
        events = set.intersection(*(set(values.get("by_event", {})) for values in own.values()))
        result[name] = {
            "roc_auc": summary([values["roc_auc"] for values in own.values()]),
            "lead": summary([values["roc_auc"] - best[seed] for seed, values in own.items()]),
            **{event: summary([values["by_event"][event] for values in own.values()]) for event in sorted(events)},
        }
    return result


def summary(values: Sequence[float]) -> dict[str, float | list[float]]:
    """``mean``, ``sd`` (of a sample), ``least``, ``most`` and the ``values`` themselves, in their order."""
    found = np.asarray(values, np.float64)
    mean, sd = float(found.mean()), float(found.std(ddof=1))
    return {"mean": mean, "sd": sd, "least": float(found.min()), "most": float(found.max()), "values": found.tolist()}
