"""Learn from a data set of precomputed features with one label per video, and score its test videos.

``python -m stages.weak_features ROOT [--features FOLDER] [--seeds 3] [--loss top_k_bce] [--json FILE]``: no stage of
the pipeline, for it needs no video. Training lists, labels and files are as the field passes them round (docs/weak.md).
``--selection`` shows beside it what a choice of the step by test AUC would have printed; nothing is kept by it.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from vad.data import feature_sets
from vad.detectors.weak import Params, training
from vad.detectors.weak.bags import Bags
from vad.metrics.measures import Frames, interval, resamples
from vad.pipeline import artifacts, params, stage
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)
LOOK = 10  # steps between two looks where a selection is measured


def main() -> None:
    options = parse()
    wanted = params.section("weak", Params)
    if options.loss:
        wanted = wanted.model_copy(update={"loss": options.loss})
    if options.selection:
        wanted = wanted.model_copy(update={"evaluate_every": LOOK})
    data = feature_sets.load(options.root, options.features)
    log.info(
        "%s: %d training videos (%d abnormal), %d test videos, %d values a snippet, %d crops",
        data.benchmark, len(data.train), int(data.labels.sum()), len(data.test), data.train[0].dim, data.train[0].crops,
    )  # fmt: skip
    first = params.common().seed
    found = [measure(data, wanted, seed, options.selection) for seed in range(first, first + options.seeds)]
    for row in found:
        print("  ".join(f"{name} {value:.3f}".removesuffix(".000") for name, value in row.items()))
    if options.json:
        artifacts.save_json(options.json, {"benchmark": data.benchmark, "loss": wanted.loss, "runs": found})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of the lists and annotations")
    parser.add_argument("--features", type=Path, help="folder of the features, by default the same")
    parser.add_argument("--seeds", type=int, default=1, help="trainings, from the seed of params.yaml on")
    parser.add_argument("--loss", choices=["bn_wvad", "top_k_bce"], help="in place of params.yaml's")
    parser.add_argument("--selection", action="store_true", help=f"look at the test AUC every {LOOK} steps")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return parser.parse_args()


def measure(data: feature_sets.FeatureSet, wanted: training.Params, seed: int, selection: bool = False) -> dict:
    """Train with one seed: the video-level AUC of held-out training videos, and the test videos' frame-level one.

    Args:
        selection: also ``last``, the test AUC after the last step, and ``highest``, the highest of all looks: what is
            printed where the step is chosen by test AUC.
    """
    trainer = training.Training(Bags(data.train, data.labels), wanted, seed, None)
    looks: list[float] = []

    def look(weights: dict[str, np.ndarray]) -> None:
        looks.append(float(tested(data, weights, wanted).roc_auc()[0]))

    weights = trainer.run(look if selection and data.test else None)
    row = {"seed": seed, "held_out_video_auc": trainer.best}
    if not data.test:
        return row
    frames = tested(data, weights, wanted)
    low, high = interval(frames.roc_auc(resamples(len(data.test), 1000, seed)), 0.95)
    row |= {"roc_auc": float(frames.roc_auc()[0]), "low": float(low), "high": float(high)}
    return row | ({"last": looks[-1], "highest": max(looks)} if looks else {})


def tested(data: feature_sets.FeatureSet, weights: dict[str, np.ndarray], wanted: training.Params) -> Frames:
    """The test videos' frames as scored with ``weights``.

    Raises:
        UserError: they are of one class.
    """
    labels = [data.frame_labels(video, truth) for video, truth in data.test]
    scores = [
        feature_sets.to_frames(training.score(weights, wanted, video), len(own))
        for (video, _), own in zip(data.test, labels, strict=True)
    ]
    groups = np.repeat(np.arange(len(labels)), [len(own) for own in labels])
    every = np.concatenate(labels)
    if every.min() == every.max():
        raise UserError("the test videos that have features hold only one class: no AUC")
    return Frames(np.concatenate(scores).astype(np.float64), every, groups)


if __name__ == "__main__":
    stage.run(main)
