"""Figures over runs that differ in their seed: ``python -m stages.compare_seeds RUN RUN ... [--json FILE]``.

A run is a folder in which the pipeline ran, a clone of this one with another ``seed`` in params.yaml. Prints, by
detector, mean, standard deviation, least and most ROC-AUC, how far it is from the best single detector of the same run
at worst, and the mean and least by type of event.
"""

import argparse
from pathlib import Path

import pandas as pd

from vad.benchmark import runs
from vad.pipeline import artifacts, stage


def main() -> None:
    options = parse()
    loaded = runs.load(options.runs)
    found = runs.spread(loaded)
    print(f"seeds {', '.join(str(seed) for seed in loaded)}")
    print(table(found).to_string(float_format="%.3f"))
    if options.json:
        artifacts.save_json(options.json, {**found, "run": {"seeds": list(loaded)}})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder in which the pipeline ran")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return parser.parse_args()


def table(found: dict[str, dict[str, dict]]) -> pd.DataFrame:
    """One row a detector, best first by the mean ROC-AUC."""
    rows = {}
    for name, own in found.items():
        events = {event: values for event, values in own.items() if event not in ("roc_auc", "lead")}
        rows[name] = {
            **{key: own["roc_auc"][key] for key in ("mean", "sd", "least", "most")},
            "worst lead": own["lead"]["least"],
            **{f"{event} {key}": values[key] for event, values in events.items() for key in ("mean", "least")},
        }
    return pd.DataFrame(rows).T.sort_values("mean", ascending=False)


if __name__ == "__main__":
    stage.run(main, alone=False)
