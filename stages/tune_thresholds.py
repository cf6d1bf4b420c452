"""Choose every detector's alarm threshold on permitted frames.

In: data/fused.parquet, data/manifest.csv. Out: data/thresholds.json: rule, merge_seconds, per_scene, and per detector
and fold the threshold on the calibrated scale (see vad.post_processing.thresholds.tune).
"""

import logging

from vad.data.frames import DATA, FrameStore
from vad.pipeline import artifacts, params, stage
from vad.post_processing import calibration, fused, thresholds

logger = logging.getLogger(__name__)


def main() -> dict:
    settings = params.section("thresholds", thresholds.Params)
    protocol = params.common().protocol
    fps = FrameStore().manifest.set_index("clip")["fps"].astype(float).to_dict()
    table = fused.load(DATA / "fused.parquet")
    rule = "budget" if protocol == "one_class" else settings.rule
    if rule != settings.rule:
        logger.info("protocol one_class permits no labels: thresholds come from the false-alarm budget")
    tuned = {
        name: thresholds.tune(
            rows.assign(live=calibration.by_fold(rows, "causal")),
            fps,
            protocol,
            settings.model_copy(update={"rule": rule}),
        )
        for name, rows in table.groupby("detector")
    }
    for line in sorted({fold["promise"]["refused"] for own in tuned.values() for fold in own.values()} - {None}):
        logger.info("%s; the threshold of the budget lies above all of it", line)
    values = {
        "rule": rule,
        "alarms_per_hour": settings.alarms_per_hour,
        "block_seconds": settings.block_seconds,
        "merge_seconds": settings.merge_seconds,
        "per_scene": settings.per_scene,
        "detectors": tuned,
    }
    artifacts.save_json(DATA / "thresholds.json", values, digits=None)  # calibrated scores crowd below 1
    return {"detectors": len(tuned)}


if __name__ == "__main__":
    stage.run(main)
