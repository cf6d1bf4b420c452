"""Answer the title: the detector to trust, its threshold, what to expect of it and what it will miss.

In: data/fused.parquet, data/thresholds.json, data/events.csv, data/latency.json, data/manifest.csv. Out:
data/answer.json (see vad.evaluation.answer), its sentences under ``says``.
"""

import logging

from vad.data.frames import DATA, FrameStore
from vad.evaluation import answer, saying
from vad.metrics import measures
from vad.pipeline import artifacts, params, stage
from vad.pipeline.results import read_json, read_table
from vad.post_processing import fused

OUT = DATA / "answer.json"


def main() -> dict:
    settings, common = params.section("evaluation", measures.Params), params.common()
    table, tuned = fused.load(DATA / "fused.parquet"), read_json(DATA / "thresholds.json")
    found = answer.answer(
        answer.Run(
            rows=dict(iter(table.groupby("detector"))),
            tuned=tuned["detectors"],
            fps=FrameStore().manifest.set_index("clip")["fps"].astype(float).to_dict(),
            events=read_table(DATA / "events.csv"),
            alarms_per_hour=tuned["alarms_per_hour"],
            block_seconds=tuned["block_seconds"],
            merge_seconds=tuned["merge_seconds"],
            choose=common.protocol != "one_class",
            confidence=settings.confidence,
            resamples=settings.resamples,
            seed=common.seed,
            latency=artifacts.load_json(DATA / "latency.json"),
        )
    )
    found["says"] = saying.sentences(found)
    artifacts.save_json(OUT, found, digits=None)
    for sentence in found["says"]:
        logging.info(sentence)
    return {"detectors": table["detector"].nunique()}


if __name__ == "__main__":
    stage.run(main)
