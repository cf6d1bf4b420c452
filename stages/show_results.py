"""Print what a run found: the metrics of every detector, best first, and where the report is.

``--costs`` prints what each detector cost instead; ``--against HEAD --within 0.05`` fails where a micro AUC is further
than that from the one committed there.
"""

import argparse
import json
import subprocess
from pathlib import Path

import pandas as pd

from vad.benchmark import costs
from vad.pipeline import artifacts, stage
from vad.pipeline.errors import UserError
from vad.pipeline.results import METRICS, known, read_json, read_timings, why_unranked

COLUMNS = ["roc_auc", "roc_auc_low", "roc_auc_high", "roc_auc_macro", "average_precision", "f1"]


def results(folder: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The metrics of ``folder`` as a table, best micro AUC first, and why other detectors did not run."""
    values = {path.stem: artifacts.load_json(path) for path in sorted(folder.glob("*.json"))}
    skipped = {name: metric["skipped"] for name, metric in values.items() if "skipped" in metric}
    ran = {name: metric for name, metric in values.items() if "roc_auc" in metric}
    table = pd.DataFrame.from_dict(ran, orient="index").reindex(columns=COLUMNS)
    return table.sort_values("roc_auc", ascending=False), skipped


def unranked(folder: Path) -> str:
    """Why there is no such table."""
    measured = [artifacts.load_json(path) for path in sorted(folder.glob("*.json"))]
    reasons = [why_unranked(own["frames"], own["abnormal_frames"]) for own in measured if "frames" in own]
    return next((reason for reason in reasons if reason), "no detector was measured: run 'dvc repro'")


def compare(table: pd.DataFrame, revision: str, within: float) -> None:
    """Compare ``table`` with the metrics that were committed at ``revision``.

    Raises:
        UserError: a detector that was committed is missing or further than ``within`` from its micro AUC.
    """
    listed = subprocess.run(["git", "ls-tree", "--name-only", revision, "metrics/"], capture_output=True, text=True)
    worst = ("none", 0.0)
    for path in listed.stdout.split():
        shown = subprocess.run(["git", "show", f"{revision}:{path}"], capture_output=True, text=True, check=True)
        name, committed = Path(path).stem, json.loads(shown.stdout)
        if not isinstance(committed.get("roc_auc"), float):
            continue
        if name not in table.index:
            raise UserError(f"{name} did not run, but {revision} has metrics of it")
        worst = max(worst, (name, abs(table.loc[name, "roc_auc"] - committed["roc_auc"])), key=lambda pair: pair[1])
    print(f"furthest from {revision}: {worst[0]}, by {worst[1]:.4f}")
    if worst[1] > within:
        raise UserError(f"{worst[0]}: micro AUC {worst[1]:.3f} from that of {revision}; at most {within} is allowed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--costs", action="store_true", help="what fitting and scoring cost, by detector")
    parser.add_argument("--against", metavar="REVISION", help="compare with the metrics committed there")
    parser.add_argument("--within", type=float, default=0.05, help="how far a micro AUC may be from the committed one")
    arguments = parser.parse_args()
    table, skipped = results(METRICS)
    if arguments.costs:
        known_costs = costs.costs(list(table.index), known(read_timings()))
        print(pd.DataFrame.from_dict(known_costs, orient="index").to_string(float_format="%.1f", na_rep="-"))
        return
    if arguments.against:
        compare(table, arguments.against, arguments.within)
        return
    show(table, skipped)


def show(table: pd.DataFrame, skipped: dict[str, str]) -> None:
    """Print what a person wants to know first."""
    if table.empty:
        print(unranked(METRICS))
    else:
        print(table.to_string(float_format="%.3f"))
        print("\nroc_auc: micro, over all scored test frames, with its 95 % interval by bootstrap over clips")
    for name, reason in skipped.items():
        print(f"{name}: did not run: {reason}")
    answer = read_json(Path("data/answer.json"))
    print("", *answer.get("says", []), "", sep="\n")
    if table.empty and answer.get("review"):
        print(pd.DataFrame(answer["review"]).drop(columns="agree", errors="ignore").to_string(index=False))
    for path in ("report/report.pdf", "report/report.tex", "plots/pictures", "data/videos"):
        if Path(path).exists():
            print(f"{path:20s} {Path(path).resolve()}")


if __name__ == "__main__":
    stage.run(main, name="show_results", alone=False)
