"""Zero-shot decisions about frames, segments and videos: thresholds, metrics per level and prediction CSVs."""

import dataclasses
import logging

import pandas as pd

from vad.data.frames import FrameStore
from vad.detectors import zeroshot
from vad.evaluation import segments
from vad.metrics import measures
from vad.pipeline import artifacts, params, stage
from vad.protocol import fitting, sampling

FOLDER = "data/zeroshot"


def main() -> dict:
    states, meta = artifacts.load_state(fitting.MODELS / "zeroshot")
    sample = pd.read_parquet(fitting.SAMPLE)
    if reason := meta.get("skipped") or fitting.why_blind("zeroshot", FrameStore(), sample):
        logging.info("zeroshot does not run: %s", reason)
        with artifacts.replacing(FOLDER) as folder:
            folder.mkdir()
            artifacts.save_json(folder / "levels.json", {"skipped": reason})
        return {"frames": 0}
    section, common = params.section("segments", segments.Params), params.common()
    frames = scored_frames(zeroshot.Detector(states["all"], params.section("zeroshot", zeroshot.Params)), sample)
    levels, thresholds = segments.decide(frames, section, common.protocol)
    folds = params.section("balance_sample", sampling.Params).folds
    gain = segments.f1_leak(frames, section, folds, params.section("evaluation", measures.Params), common.seed)
    names = pd.Series(meta["prompts"])
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


def scored_frames(detector: zeroshot.Detector, sample: pd.DataFrame) -> pd.DataFrame:
    """clip, frame, role, fold, label, score, prompt (its number) of the test and calibration frames."""
    sample = sample[sample["role"].isin(["test", "calibration"])].sort_values(["clip", "frame"], ignore_index=True)
    clips = fitting.clips_of(zeroshot, FrameStore(), sample)
    rows = [
        pd.DataFrame(
            {
                "clip": clip.name,
                "frame": clip.frames,
                "score": detector.score(clip)[0],
                "prompt": detector.similarity(clip.embeddings).argmax(axis=1),
            }
        )
        for clip in clips
    ]
    return sample.merge(pd.concat(rows), on=["clip", "frame"])


if __name__ == "__main__":
    stage.run(main)
