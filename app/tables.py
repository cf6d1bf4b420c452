"""Metrics as tables that people read."""

import numpy as np
import pandas as pd

from vad.detectors.titles import title
from vad.evaluation import scorecard

INTERVALS = {
    "roc_auc": "ROC-AUC",
    "roc_auc_macro": "ROC-AUC, macro",
    "average_precision": "Average precision",
}
PLAIN = {
    "f1": "F1",
    "pixel_roc_auc": "Pixel ROC-AUC",
    "rbdc": "RBDC",
    "tbdc": "TBDC",
    "detection_delay_s": "Delay, s",
    "alarms_per_hour": "False alarms / h",
}


def ran(metrics: dict[str, dict]) -> dict[str, dict]:
    """The detectors that ran, best ROC-AUC first."""
    return {name: metrics[name] for name in scorecard.best_first(metrics)}


def skipped(metrics: dict[str, dict]) -> dict[str, str]:
    """Why the others did not."""
    return {name: values["skipped"] for name, values in metrics.items() if "skipped" in values}


def with_interval(values: dict, key: str) -> str | None:
    """``0.749 [0.631, 0.863]``; None where there is no value."""
    if values.get(key) is None:
        return None
    low, high = values.get(f"{key}_low"), values.get(f"{key}_high")
    return f"{values[key]:.3f}" + ("" if low is None or high is None else f" [{low:.3f}, {high:.3f}]")


def overview(metrics: dict[str, dict]) -> pd.DataFrame:
    """A row per detector that ran, best first; columns without a single value are left out."""
    rows = []
    for name, values in ran(metrics).items():
        row = {"Detector": title(name)} | {text: with_interval(values, key) for key, text in INTERVALS.items()}
        row |= {text: values.get(key) for key, text in PLAIN.items()}
        if values.get("events_total"):
            row["Events caught"] = f"{values['events_detected']} of {values['events_total']}"
        rows.append(row)
    table = pd.DataFrame(rows)
    order = ["Detector", *INTERVALS.values(), "F1", "Events caught", "Delay, s", "False alarms / h"]
    order += [text for text in PLAIN.values() if text not in order]
    table = table.reindex(columns=order).dropna(axis=1, how="all")
    numbers = [text for text in PLAIN.values() if text in table]
    return table.astype(dict.fromkeys(numbers, float))


def intervals(metrics: dict[str, dict], key: str) -> pd.DataFrame:
    """detector, name, value, low, high of one metric, best first; detectors without it are left out."""
    rows = [
        {"detector": name, "name": title(name), "value": own[key], "low": own.get(f"{key}_low"),
         "high": own.get(f"{key}_high")}
        for name, own in ran(metrics).items() if own.get(key) is not None
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["detector", "name", "value", "low", "high"])
    return table.astype({"value": float, "low": float, "high": float}).sort_values("value", ascending=False)


def by_event(metrics: dict[str, dict]) -> pd.DataFrame:
    """name, type, auc in long form: the AUC of each event type's frames against all normal ones."""
    rows = [
        {"name": title(name), "type": kind.replace("_", " "), "auc": auc}
        for name, own in ran(metrics).items()
        for kind, auc in own.get("by_event", {}).items()
        if auc is not None
    ]
    return pd.DataFrame(rows, columns=["name", "type", "auc"])


def leak(values: dict[str, dict]) -> pd.DataFrame:
    """name, protocol (paper, clean), value, low, high of ``metrics/leak.json``; the largest leak first."""
    order = sorted(values, key=lambda name: -values[name].get("leak", 0.0))
    rows = [
        {"name": title(name), "protocol": protocol, "value": values[name][protocol],
         "low": values[name].get(f"{protocol}_low", np.nan), "high": values[name].get(f"{protocol}_high", np.nan),
         "leak": values[name].get("leak", np.nan)}
        for name in order for protocol in ("paper", "clean") if protocol in values[name]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["name", "protocol", "value", "low", "high", "leak"])
