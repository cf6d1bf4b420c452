"""How well ``weak`` tells videos apart that it has not seen: ``python -m stages.validate_weak [--clips 20 40]``.

The weakly labelled clips of a run are dealt to four parts; each part's are judged by a fit on the others, a video by
the highest evidence of its regions. Prints the AUC over videos by the number of clips that were learnt from
(``--clips`` takes fewer of them than there are): no test clip is read. By this a change of the measures can be judged.
"""

import argparse

import numpy as np

from vad.data.frames import Clip
from vad.detectors import registry, weak
from vad.metrics.measures import auc
from vad.perception import detection
from vad.perception.feeding import camera_of
from vad.pipeline import params, stage
from vad.pipeline.errors import UserError
from vad.protocol.fitting import Plan

PARTS = 4
FEWEST = 8  # clips that can be learnt from, half of them of each label


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deals", type=int, default=3, help="how often the clips are dealt anew")
    parser.add_argument("--clips", type=int, nargs="+", default=[], help="learn from so many of them, too")
    options = parser.parse_args()
    if options.deals < 1 or min(options.clips, default=FEWEST) < FEWEST:
        raise UserError(f"--deals: 1 or more; --clips: {FEWEST} or more")
    plan = Plan.of(registry.declared("weak"))
    clips = plan.labelled(plan.folds[0].fit)
    known = [clip for clip in clips if clip.split == "train"]
    videos = [clip for clip in clips if clip.split == "weak"]
    if reason := weak.why_not(videos):
        raise UserError(f"no weakly labelled clips to deal: {reason}")
    settings, most = params.section("weak", weak.Params), len(videos) - len(videos) // PARTS
    for count in sorted({*(min(n, most) for n in options.clips), most}):
        found = [held_out(known, videos, settings, plan.seed + deal, count) for deal in range(options.deals)]
        print(f"learnt from {count} clips: AUC {np.mean(found):.3f} (" + ", ".join(f"{one:.3f}" for one in found) + ")")


def held_out(known: list[Clip], videos: list[Clip], settings: weak.Params, seed: int, most: int) -> float:
    """AUC over ``videos``, each judged by a fit on ``known`` and at most ``most`` videos of other parts, alike of both
    labels."""
    rng = np.random.default_rng(seed)
    labels = np.array([int(clip.labels.any()) for clip in videos])
    orders = [rng.permutation(np.flatnonzero(labels == label)) for label in (0, 1)]
    scores = np.zeros(len(videos))
    for part in range(PARTS):
        others = [np.delete(order, np.s_[part::PARTS])[: most // 2] for order in orders]
        detector = weak.Detector(
            weak.fit([*known, *(videos[i] for i in np.concatenate(others))], settings, seed), settings
        )
        for i in np.concatenate([order[part::PARTS] for order in orders]):
            table = detection.objects_of(videos[i])
            scores[i] = detector.judge(camera_of(videos[i]), table, videos[i].read).max(initial=0)
    return auc(scores, labels)


if __name__ == "__main__":
    stage.run(main, alone=False)
