"""Score the test frames with one fitted detector: ``python -m stages.score padim``.

Each fold's frames by that fold's fit. The held-out normal frames were scored when the detector was fitted.
"""

import logging
import sys
from pathlib import Path

import numpy as np

from vad.detectors import fitted, registry
from vad.pipeline import artifacts, stage
from vad.pipeline.results import MODELS, why_skipped
from vad.post_processing import scores
from vad.protocol.fitting import Plan

MAPS, SCORES = Path("data/maps"), Path("data/scores")


def main(name: str) -> dict:
    plan = Plan.of(registry.declared(name))
    reason = why_skipped(name)
    parts, normal = [], None
    with artifacts.replacing(MAPS / name) as folder:
        folder.mkdir()
        if reason:
            logging.info("%s does not run: %s", name, reason)
        else:
            model = fitted.load_fitted(MODELS / name)
            normal = model.normal
            for fold in plan.folds:
                for clip, raw, maps in fitted.scored(model.detector(fold.name), plan, fold.test):
                    if maps is not None:
                        arrays = {"frames": clip.frames, "maps": maps.astype(np.float16)}
                        artifacts.write_arrays(folder / f"{clip.name}.npz", arrays)
                    rows = fold.test[fold.test["clip"] == clip.name].sort_values("frame")
                    parts.append(rows.assign(fold=fold.name, score=raw.astype(np.float64)))
    table = scores.table(parts, normal)
    artifacts.save_table(SCORES / f"{name}.parquet", table)
    return {"frames": len(table)}


if __name__ == "__main__":
    wanted = " ".join(sys.argv[1:])
    stage.run(lambda: main(wanted), name=f"score@{wanted}")
