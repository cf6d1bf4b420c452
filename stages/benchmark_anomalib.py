"""PaDiM's speed beside anomalib's: ``python -m stages.benchmark_anomalib [--store data] [--frames 256]``."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from vad.benchmark import footage, peers, table
from vad.data.frames import FrameStore
from vad.pipeline import artifacts, stage
from vad.pipeline.errors import UserError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("data"), help="folder of the frame store")
    parser.add_argument("--frames", type=int, default=256, help="training frames of one scene, at most")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    options = parser.parse_args()
    version = peers.require()
    clips = footage.training(FrameStore(options.store))
    clips = footage.first([clip for clip in clips if clip.scene == clips[0].scene], options.frames)
    if sum(len(clip.frames) for clip in clips) < 2:
        raise UserError(f"{options.store} holds no training frames: run 'dvc repro extract_frames'")
    with TemporaryDirectory() as folder:
        figures = peers.measure(clips, Path(folder))
    what = f"{sum(len(clip.frames) for clip in clips)} frames of {footage.sizes(clips)}; anomalib {version}"
    print(f"{what}; best of {peers.ROUNDS} rounds, ratios to anomalib's")
    print(table.table(figures))
    if options.json:
        artifacts.save_json(options.json, {"measured": what, "rows": table.values(figures)})


if __name__ == "__main__":
    stage.run(main, alone=False)
