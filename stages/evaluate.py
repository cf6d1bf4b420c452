"""Measure every detector and fusion on the test frames.

In: data/fused.parquet, data/fusion.json, data/leak.json, data/zeroshot, data/thresholds.json, data/manifest.csv,
data/frames.parquet, data/events.csv, data/masks, data/maps. Out: metrics/<detector>.json and plots/data/*.csv.
"""

import json
import logging
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from vad import artifacts, curves, evaluation, fused, localisation, params, scorecard, stage
from vad.frames import DATA, FrameStore

logger = logging.getLogger(__name__)
METRICS, PLOTS = Path("metrics"), Path("plots/data")


def main() -> dict:
    settings = params.section("evaluation", evaluation.Params)
    store = FrameStore()
    table = fused.load(DATA / "fused.parquet")
    tuned = json.loads((DATA / "thresholds.json").read_text())
    fusion = json.loads((DATA / "fusion.json").read_text())
    clips = sorted(table.loc[table["role"] == "test", "clip"].unique())
    setting = scorecard.Setting(
        params=settings,
        fps=store.manifest.set_index("clip")["fps"].astype(float).to_dict(),
        events=pd.read_csv(DATA / "events.csv", dtype={"clip": str, "type": str}),
        clips=clips,
        weights=evaluation.resamples(len(clips), settings.resamples, params.common().seed),
        merge_seconds=tuned["merge_seconds"],
        per_scene=tuned["per_scene"],
    )
    masks = localisation.GridMasks(store, settings.map_short_side)
    metrics = {name: {"skipped": why} for name, why in fusion["skipped"].items()}
    tests = {}
    for name, rows in tqdm(list(table.groupby("detector")), desc="evaluate", unit="detector"):
        metrics[name] = scorecard.measure(rows, tuned["detectors"][name], setting)
        metrics[name] |= scorecard.localise(masks.locate(DATA / "maps" / name), settings)
        tests[name] = rows[rows["role"] == "test"].sort_values(["clip", "frame"], ignore_index=True)
    metrics["fusion"]["leave_one_out"] = fusion["leave_one_out"]
    _add_levels(metrics, json.loads((DATA / "zeroshot" / "levels.json").read_text()))
    leak = json.loads((DATA / "leak.json").read_text())
    _save(METRICS, ".json", metrics | ({"leak": leak} if leak else {}), artifacts.save_json)
    _save(PLOTS, ".csv", _plots(tests, metrics, setting), artifacts.save_table)
    best = scorecard.best_first(metrics)[0]
    logger.info("best: %s, ROC-AUC %.3f", best, metrics[best].get("roc_auc", float("nan")))
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


def _plots(tests: dict[str, pd.DataFrame], metrics: dict[str, dict], setting: scorecard.Setting) -> dict:
    order = scorecard.best_first(metrics)
    shown = sorted(order, key=lambda name: name != "fusion")[: setting.params.plot_detectors]
    points = curves.timeline_points(len(setting.clips), len(shown))
    parts: dict[str, list] = {"roc": [], "pr": [], "densities": [], "confusion": [], "timeline": []}
    for name in order:
        scores, labels = tests[name]["calibrated"].to_numpy(), tests[name]["label"].to_numpy()
        own = {"densities": curves.densities(scores, labels), "confusion": curves.confusion_cells(metrics[name])}
        if "roc_auc" in metrics[name]:
            own["roc"] = curves.roc_points(scores, labels)
            own["pr"] = curves.precision_recall_points(scores, labels)
        if name in shown:
            own["timeline"] = curves.timeline(tests[name], setting.fps, points)
        for plot, rows in own.items():
            rows.insert(0, "detector", name)
            parts[plot].append(rows)
    return {plot: pd.concat(tables, ignore_index=True) for plot, tables in parts.items() if tables}


if __name__ == "__main__":
    stage.run(main)
