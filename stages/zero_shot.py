"""Zero-shot decisions about frames, segments and videos: thresholds, metrics per level and prediction CSVs."""

import dataclasses
import logging

import pandas as pd

from vad.detectors import fitted, registry, zeroshot
from vad.evaluation import segments
from vad.metrics import measures
from vad.pipeline import artifacts, params, stage
from vad.pipeline.results import MODELS, why_skipped
from vad.protocol import sampling
from vad.protocol.fitting import Plan

FOLDER = "data/zeroshot"


def main() -> dict:
    if reason := why_skipped("zeroshot"):
        logging.info("zeroshot does not run: %s", reason)
        with artifacts.replacing(FOLDER) as folder:
            folder.mkdir()
            artifacts.save_json(folder / "levels.json", {"skipped": reason})
        return {"frames": 0}
    section, common = params.section("segments", segments.Params), params.common()
    model = fitted.load_fitted(MODELS / "zeroshot")
    frames = scored_frames(model.detector(), Plan.of(registry.declared("zeroshot")))
    levels, thresholds = segments.decide(frames, section, common.protocol)
    folds = params.section("balance_sample", sampling.Params).folds
    gain = segments.f1_leak(frames, section, folds, params.section("evaluation", measures.Params), common.seed)
    assert isinstance(model.settings, zeroshot.Params)
    names = pd.Series(model.settings.prompts)
    with artifacts.replacing(FOLDER) as folder:
        folder.mkdir()
        for level in dataclasses.fields(levels):
            table = getattr(levels, level.name)
            table = table.assign(prompt=table["prompt"].map(names), score=table["score"].round(6))
            artifacts.save_table(folder / f"{level.name}.csv", table)
        limits = {fold: dataclasses.asdict(values) for fold, values in thresholds.items()}
        values = {**segments.metrics(levels), "thresholds": limits, "f1_leak": gain}
        artifacts.save_json(folder / "levels.json", values)
    return {"frames": len(levels.frames)}


def scored_frames(detector: zeroshot.Detector, plan: Plan) -> pd.DataFrame:
    """clip, frame, role, fold, label, score, prompt (its number) of the test and calibration frames."""
    sample = plan.sample
    sample = sample[sample["role"].isin(["test", "calibration"])].sort_values(["clip", "frame"], ignore_index=True)
    rows = []
    for clip in plan.clips(sample):
        assert clip.embeddings is not None, f"{clip.name} came without its embeddings"
        scores, prompts = detector.score(clip)[0], detector.similarity(clip.embeddings).argmax(axis=1)
        rows.append(pd.DataFrame({"clip": clip.name, "frame": clip.frames, "score": scores, "prompt": prompts}))
    return sample.merge(pd.concat(rows), on=["clip", "frame"])


if __name__ == "__main__":
    stage.run(main)
