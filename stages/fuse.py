"""Smooth, calibrate and fuse all detectors' scores.

In: data/scores/*.parquet (or those of the detectors named as arguments), data/models/<detector>/meta.json of those that
were skipped, data/manifest.csv, data/sample.parquet. Out: data/fused.parquet, and data/fusion.json: the weights
per fold, what each detector adds, and why detectors were skipped.
"""

import logging
import sys

import pandas as pd

from vad.data.frames import DATA, FrameStore
from vad.pipeline import artifacts, params, stage
from vad.pipeline.errors import UserError
from vad.pipeline.results import why_skipped
from vad.post_processing import fused, fusion, temporal

logger = logging.getLogger(__name__)


def main() -> dict:
    smoothing = params.section("temporal", temporal.Params)
    settings = params.section("fusion", fusion.Params)
    common = params.common()
    manifest = FrameStore().manifest.set_index("clip")
    fps, scenes = manifest["fps"].astype(float).to_dict(), manifest["scene"].to_dict()
    sample = artifacts.load_table(DATA / "sample.parquet")

    tables, skipped = {}, {}
    for name in sys.argv[1:] or sorted(path.stem for path in (DATA / "scores").glob("*.parquet")):
        scores = artifacts.load_table(DATA / "scores" / f"{name}.parquet")
        if (scores["role"] == "test").any():
            tables[name] = fused.detector_rows(name, fused.numbered(scores, sample), fps, scenes, smoothing)
        else:
            skipped[name] = why_skipped(name) or "no test frame scored"
    if not tables:
        whys = {why: ", ".join(name for name in skipped if skipped[name] == why) for why in skipped.values()}
        reasons = "; ".join(f"{names}: {why}" for why, names in whys.items())
        raise UserError(f"no detector scored a test frame ({reasons}); switch on one that can see this data")

    members = [name for name in tables if settings.detectors == "all" or name in settings.detectors]
    if unknown := [n for n in settings.detectors if settings.detectors != "all" and n not in {*tables, *skipped}]:
        raise UserError(f"params.yaml: fusion.detectors: no detector '{unknown[0]}'; choose from {', '.join(tables)}")
    if not members:
        raise UserError("params.yaml: fusion.detectors: none of them ran on this data; add one that did, or use all")
    panel = fused.Panel.of({name: tables[name] for name in members})
    rules = fusion.rules(panel.pool(), common.protocol, settings, common.seed)
    rows = [*tables.values(), *(panel.rows(name, by_fold) for name, by_fold in rules.items())]
    artifacts.save_table(DATA / "fused.parquet", pd.concat(rows, ignore_index=True))
    chosen = {str(fold): _described(rule, members) for fold, rule in rules["fusion"].items()}
    summary = {
        "detectors": members,
        "chosen": chosen,
        "leave_one_out": fused.leave_one_out(panel, rules["fusion"], common.protocol, settings, common.seed),
        "skipped": skipped,
    }
    artifacts.save_json(DATA / "fusion.json", summary)
    for name, choice in chosen.items():
        logger.info("fold %s: %s of %s", name, choice["rule"], ", ".join(choice["weights"]) or "all")
    return {"frames": len(panel.keys)}


def _described(rule: fusion.Rule, members: list[str]) -> dict:
    weights = {} if rule.weights is None else dict(zip(members, rule.weights, strict=True))
    described = {"rule": rule.name, "weights": {name: weight for name, weight in weights.items() if weight > 1e-6}}
    return described if rule.confidence is None else {**described, "confidence": rule.confidence}


if __name__ == "__main__":
    stage.run(main)
