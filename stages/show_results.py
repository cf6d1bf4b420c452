"""Print what a run found: the metrics of every detector, best first, and where the report is."""

from pathlib import Path

import pandas as pd

from vad.pipeline import artifacts

COLUMNS = ["roc_auc", "roc_auc_low", "roc_auc_high", "roc_auc_macro", "average_precision", "f1"]


def results(folder: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The metrics of ``folder`` as a table, best micro AUC first, and why other detectors did not run."""
    values = {path.stem: artifacts.load_json(path) for path in sorted(folder.glob("*.json"))}
    skipped = {name: metric["skipped"] for name, metric in values.items() if "skipped" in metric}
    ran = {name: metric for name, metric in values.items() if "roc_auc" in metric}
    table = pd.DataFrame.from_dict(ran, orient="index").reindex(columns=COLUMNS)
    return table.sort_values("roc_auc", ascending=False), skipped


def main() -> None:
    table, skipped = results(Path("metrics"))
    print(table.to_string(float_format="%.3f"))
    for name, reason in skipped.items():
        print(f"{name}: did not run: {reason}")
    print("\nroc_auc: micro, over all scored test frames, with its 95 % interval by bootstrap over clips")
    for path in ("report/report.pdf", "report/report.tex", "plots/pictures", "data/videos"):
        if Path(path).exists():
            print(f"{path:20s} {Path(path).resolve()}")


if __name__ == "__main__":
    main()
