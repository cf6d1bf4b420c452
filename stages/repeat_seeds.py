"""How far what trains depends on its seed: ``python -m stages.repeat_seeds [--seeds 0 1 2] [--json FILE]``.

The data set, its sample and the folds stay those of the workspace's run; each detector is fitted once per seed, scores
all test frames and is ranked as in the pipeline. Nothing of the workspace is changed but the trainings' checkpoints.
"""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd

from vad.benchmark import runs
from vad.data.frames import DATA, FrameStore
from vad.detectors import fitted, registry
from vad.detectors.scoring import score_clips
from vad.evaluation import scorecard
from vad.metrics import measures
from vad.pipeline import artifacts, params, stage
from vad.pipeline.errors import UserError
from vad.pipeline.results import read_table
from vad.post_processing import fused, scores, temporal
from vad.protocol.fitting import Plan

TRAINED = ("stae", "object_ae", "prototypes")
METRICS = ("roc_auc", "roc_auc_macro", "average_precision")
log = logging.getLogger(__name__)


def main() -> None:
    options = parse()
    store, result = FrameStore(), {}
    for name in options.detectors:
        plan = Plan.of(registry.declared(name), store)
        if reason := plan.why_not():
            log.info("%s does not run: %s", name, reason)
            continue
        ranked = {}
        for seed in options.seeds:
            ranked[seed] = rank(name, replace(plan, seed=seed))
            log.info("%s: seed %d: ROC-AUC %.3f", name, seed, ranked[seed]["roc_auc"])
        result[name] = spread(ranked)
        if options.json:
            about = {"data": Path(params.read_file()["data"]["root"]).name, "protocol": params.common().protocol}
            artifacts.save_json(options.json, {**result, "run": {**about, "seeds": options.seeds}})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detectors", nargs="+", default=list(TRAINED), metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write mean and spread here")
    options = parser.parse_args()
    if len(set(options.seeds)) < 2:
        raise UserError("--seeds: a spread needs at least two different seeds")
    if unknown := set(options.detectors) - set(registry.names()):
        raise UserError(f"--detectors: there is no '{min(unknown)}'; choose from {', '.join(registry.names())}")
    return options


def rank(name: str, plan: Plan) -> dict[str, float]:
    """The metrics of one detector, fitted with the plan's seed."""
    rows = detector_rows(name, plan)
    clips = sorted(rows.loc[rows["role"] == "test", "clip"].unique())
    settings = params.section("evaluation", measures.Params)
    resampling = scorecard.Resampling(clips, measures.resamples(len(clips), 100, 0), settings.confidence)
    found = scorecard.rank(rows, read_table(DATA / "events.csv"), resampling)
    if "roc_auc" not in found:
        raise UserError("the test frames are of one class: there is no AUC whose spread could be measured")
    return {key: found[key] for key in METRICS}


def detector_rows(name: str, plan: Plan) -> pd.DataFrame:
    """One detector's rows of the fused table, from fits that are kept in memory."""
    module = registry.module(name)
    settings, needs = params.section(name, module.Params), backbone(plan)
    test: list[pd.DataFrame] = []
    normal: list[pd.DataFrame] = []
    for fold in plan.folds:
        state = module.fit(plan.clips(fold.fit), settings, plan.seed, *needs)
        about = {"backbone": params.read_file()["backbone"], "backbone_digest": needs[0].digest} if needs else {}
        model = fitted.Fitted.of(name, {fold.name: state}, settings, about, *needs)
        for rows, parts in ((fold.test, test), (fold.calibration, normal)):
            own = fitted.by_clip(rows)
            for clip, scored in score_clips(model, fold.name, plan, rows):
                parts.append(own[clip.name].assign(fold=fold.name, **scored.columns))
    manifest = plan.store.manifest.set_index("clip")
    fps, scenes = manifest["fps"].astype(float).to_dict(), manifest["scene"].to_dict()
    table = fused.numbered(scores.table(test, pd.concat(normal)), plan.sample)
    return fused.detector_rows(name, table, fps, scenes, params.section("temporal", temporal.Params))


def backbone(plan: Plan) -> tuple:
    if not plan.declared.needs_backbone:
        return ()
    from vad.features import backbones

    return (backbones.load(params.section("backbone", backbones.Params)),)


def spread(ranked: dict[int, dict[str, float]]) -> dict[str, dict]:
    """Metric -> what ``vad.benchmark.runs.summary`` says of its values, in order of the seeds."""
    return {metric: runs.summary([own[metric] for own in ranked.values()]) for metric in METRICS}


if __name__ == "__main__":
    stage.run(main)
