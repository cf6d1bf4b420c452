"""Score the test frames with one fitted detector: ``python -m stages.score padim``.

Each fold's frames by that fold's fit. The held-out normal frames were scored when the detector was fitted.
"""

import logging
import sys
from pathlib import Path

from vad.detectors import registry
from vad.pipeline import artifacts, stage
from vad.pipeline.results import MODELS, why_skipped
from vad.post_processing import scores

MAPS, SCORES = Path("data/maps"), Path("data/scores")


def main(name: str) -> dict:
    declared = registry.declared(name)
    if reason := why_skipped(name):
        logging.info("%s does not run: %s", name, reason)
        return leave_out(name)

    from vad.detectors import fitted
    from vad.detectors.scoring import score_clips
    from vad.protocol.fitting import Plan

    plan = Plan.of(declared)
    model = fitted.load_fitted(MODELS / name)
    parts, seconds = [], 0.0
    with artifacts.replacing(MAPS / name) as folder:
        folder.mkdir()
        for fold in plan.folds:
            rows = fitted.by_clip(fold.test)
            for clip, scored in score_clips(model, fold.name, plan, fold.test, folder):
                parts.append(rows[clip.name].assign(fold=fold.name, **scored.columns))
                seconds += scored.seconds
    table = scores.table(parts, model.normal)
    artifacts.save_table(SCORES / f"{name}.parquet", table)
    return {"frames": sum(map(len, parts)), "work_seconds": round(seconds, 1)}


def leave_out(name: str) -> dict:
    """The empty outputs of a detector that does not run."""
    with artifacts.replacing(MAPS / name) as folder:
        folder.mkdir()
    artifacts.save_empty_table(SCORES / f"{name}.parquet", scores.COLUMNS)
    return {"frames": 0}


if __name__ == "__main__":
    wanted = " ".join(sys.argv[1:])
    stage.run(lambda: main(wanted), name=f"score@{wanted}")
