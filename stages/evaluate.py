"""Measure what every detector and fusion decide on the test frames, and put all metrics together.

In: data/ranking.json, data/comparison.json, data/localisation.json, data/fused.parquet, data/fusion.json,
data/leak.json, data/latency.json, data/zeroshot, data/thresholds.json, data/manifest.csv, data/events.csv. Out:
metrics/<detector>.json, metrics/comparison.json and plots/data/*.csv.
"""

import logging
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from vad.data.frames import DATA, FrameStore
from vad.evaluation import curves, scorecard
from vad.metrics import measures
from vad.pipeline import artifacts, naming, params, stage
from vad.pipeline.results import read_json, read_table, why_unranked
from vad.post_processing import fused

logger = logging.getLogger(__name__)
METRICS, PLOTS = Path("metrics"), Path("plots/data")


def main() -> dict:
    settings = params.section("evaluation", measures.Params)
    table = fused.load(DATA / "fused.parquet")
    tuned = read_json(DATA / "thresholds.json")
    fusion = read_json(DATA / "fusion.json")
    setting = scorecard.Setting(
        fps=FrameStore().manifest.set_index("clip")["fps"].astype(float).to_dict(),
        events=read_table(DATA / "events.csv"),
        merge_seconds=tuned["merge_seconds"],
        per_scene=tuned["per_scene"],
        latency=artifacts.load_json(DATA / "latency.json"),
    )
    ranking, located = read_json(DATA / "ranking.json"), read_json(DATA / "localisation.json")
    metrics = {name: {"skipped": why} for name, why in fusion["skipped"].items()}
    tests = {}
    for name, rows in tqdm(list(table.groupby("detector")), desc="evaluate", unit="detector"):
        metrics[name] = ranking[name] | scorecard.decide(rows, tuned["detectors"][name], setting)
        metrics[name] |= located.get(name, {})
        tests[name] = rows[rows["role"] == "test"].sort_values(["clip", "frame"], ignore_index=True)
    metrics["fusion"]["leave_one_out"] = fusion["leave_one_out"]
    _add_levels(metrics, read_json(DATA / "zeroshot" / "levels.json"))
    beside = {name: read_json(DATA / f"{name}.json") for name in ("leak", "comparison")}
    _save(METRICS, ".json", metrics | {name: own for name, own in beside.items() if own}, artifacts.save_json)
    _save(PLOTS, ".csv", _plots(tests, metrics, setting.fps, settings.plot_detectors), artifacts.save_table)
    best = scorecard.best_first(metrics)[0]
    if reason := why_unranked(metrics[best]["frames"], metrics[best]["abnormal_frames"]):
        logger.warning("%s", reason)
    else:
        logger.info("best: %s, ROC-AUC %.3f", best, metrics[best]["roc_auc"])
    return {"frames": max(len(test) for test in tests.values())}


def _add_levels(metrics: dict[str, dict], levels: dict) -> None:
    """The zero-shot decisions about segments and videos, beside the frame metrics of that detector."""
    if "zeroshot" in metrics and "skipped" not in levels:
        metrics["zeroshot"]["levels"] = {name: values for name, values in levels.items() if name != "thresholds"}


def _save(folder: Path, suffix: str, values: dict, save) -> None:
    """Each of ``values`` as a file of ``folder``; files of detectors that are no more are removed."""
    for name, value in sorted(values.items()):
        save(folder / f"{name}{suffix}", value)
    for stale in {path for path in folder.glob(f"*{suffix}") if path.stem not in values}:
        stale.unlink()


def _plots(tests: dict[str, pd.DataFrame], metrics: dict[str, dict], fps: dict[str, float], at_most: int) -> dict:
    order = scorecard.best_first(metrics)
    shown = sorted(order, key=lambda name: name != "fusion")[:at_most]
    points = curves.timeline_points(tests[order[0]]["clip"].nunique(), len(shown))
    parts: dict[str, list] = {"roc": [], "pr": [], "densities": [], "confusion": [], "timeline": []}
    for name in order:
        scores, labels = tests[name]["calibrated"].to_numpy(), tests[name]["label"].to_numpy()
        own = {"densities": curves.densities(scores, labels), "confusion": curves.confusion_cells(metrics[name])}
        if "roc_auc" in metrics[name]:
            own["roc"] = curves.roc_points(scores, labels)
            own["pr"] = curves.precision_recall_points(scores, labels)
        if name in shown:
            own["timeline"] = curves.timeline(tests[name], fps, points)
            own["timeline"]["clip"] = own["timeline"]["clip"].map(naming.in_script)
        for plot, rows in own.items():
            rows.insert(0, "detector", name)
            parts[plot].append(rows)
    return {plot: pd.concat(tables, ignore_index=True) for plot, tables in parts.items() if tables}


if __name__ == "__main__":
    stage.run(main)
