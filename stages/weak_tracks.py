"""Learn from person tracks with one label per clip: ShanghaiTech's weakly supervised split, without pixels.

``python -m stages.weak_tracks ROOT [--seeds 3] [--json FILE]``: ROOT holds tracks/, testing/test_frame_mask/ and
weak_split/ (SH_Train_new.txt, SH_Test_NEW.txt). Prints the frame-level AUC of the split's test clips; a seed deals the
normal training clips to those that show what is normal and those that are learnt from. No epoch is chosen: there is
none, and test labels are read only to print the figure. ``--snippets FOLDER`` writes the tracks as features of 16
frames instead, for ``stages.weak_features``.
"""

import argparse
from pathlib import Path

from vad.benchmark import weak_split
from vad.data import weak_labels
from vad.detectors import weak
from vad.pipeline import artifacts, params, stage
from vad.pipeline.errors import UserError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--snippets", type=Path, metavar="FOLDER", help="write features for stages.weak_features")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    options = parser.parse_args()
    lists = weak_labels.read(options.root / "weak_split")
    files = {path.stem: path for path in (options.root / "tracks").rglob("*.txt")}
    if missing := [name for name in [*lists.train, *lists.test] if name not in files]:
        raise UserError(f"{options.root / 'tracks'} has no tracks of {missing[0]} ({len(missing)} clips are missing)")
    settings = params.section("weak", weak.Params).model_copy(update={"leaf_regions": weak_split.LEAF})
    clips = weak_split.Clips(files, lists)
    if options.snippets:
        weak_split.write(clips, options.snippets)
        return
    first = params.common().seed
    found = [weak_split.measure(clips, settings, seed) for seed in range(first, first + options.seeds)]
    for row in found:
        print("  ".join(f"{name} {value:.3f}".removesuffix(".000") for name, value in row.items()))
    if options.json:
        artifacts.save_json(options.json, {"benchmark": lists.benchmark, "runs": found})


if __name__ == "__main__":
    stage.run(main)
