"""Measure where the detectors see the anomalies, for those that leave maps: pixel ROC-AUC, RBDC and TBDC.

In: data/maps, data/masks, data/frames.parquet. Out: data/localisation.json, metrics by detector.
"""

from vad.data.frames import DATA
from vad.evaluation import scorecard
from vad.metrics import measures
from vad.pipeline import artifacts, params, stage
from vad.pipeline.executor import map_clips

OUT, MAPS = DATA / "localisation.json", DATA / "maps"


def main() -> dict:
    settings = params.section("evaluation", measures.Params)
    names = sorted(path.name for path in MAPS.glob("*"))
    measured = map_clips(scorecard.Localising(MAPS, settings), names, desc="localise", local="threads", unit="detector")
    found = dict(zip(names, measured, strict=True))
    artifacts.save_json(OUT, found)
    return {}


if __name__ == "__main__":
    stage.run(main)
