"""What another bundle of the same run changes: ``python -m stages.compare_bundles data/bundle other [--store data]``.

Prints, on the test clips, ROC-AUC by detector with the difference and its interval, normal frames in alarm, and times.
"""

import argparse
from pathlib import Path

from vad.data.frames import FrameStore
from vad.deploy import bundle, comparing
from vad.metrics import measures
from vad.pipeline import params, stage
from vad.pipeline.errors import UserError


def main() -> None:
    options = parse()
    if options.stride < 1:
        raise UserError("--stride: 1 or more")
    pair = bundle.load(options.bundle), bundle.load(options.other)
    if pair[0].detectors != pair[1].detectors:
        raise UserError(f"{options.other} has other detectors than {options.bundle}: compare bundles of the same ones")
    evaluation, seed = params.section("evaluation", measures.Params), params.common().seed
    clips = [clip for clip in FrameStore(options.store).clips("test") if clip.path and clip.scene in pair[0].scenes]
    if not clips:
        raise UserError(f"{options.store} holds no test clip with frames of a scene that {options.bundle} knows")
    (ours, cost), (theirs, other_cost) = (comparing.scores(made, clips, options.stride) for made in pair)
    for made, own in zip(pair, (cost, other_cost), strict=True):
        what = f"{made.settings.engine}, {made.settings.precision}"
        print(f"{made.folder}: {what}; {own:.1f} ms of CPU time a frame at its stored size")
    found = comparing.differences(ours, theirs, evaluation.resamples, evaluation.confidence, seed)
    print(found.to_string(index=False, float_format="%.4f"))
    print(comparing.times(*pair).to_string(index=False, float_format="%.2f"))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("other", type=Path, help="folder of the other, of the same detectors")
    parser.add_argument("--stride", type=int, default=1, help="every so many-th frame is scored; all are seen")
    parser.add_argument("--store", type=Path, default=Path("data"), help="folder of the frame store")
    return parser.parse_args()


if __name__ == "__main__":
    stage.run(main, alone=False)
