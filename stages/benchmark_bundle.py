"""How fast a bundle is on this machine: ``python -m stages.benchmark_bundle [--bundle data/bundle] [--store data]``."""

import argparse
from pathlib import Path

from vad.benchmark import table
from vad.data.frames import FrameStore
from vad.deploy import bundle, measuring
from vad.pipeline import artifacts, stage
from vad.pipeline.errors import UserError


def main() -> None:
    options = parse()
    made = bundle.load(options.bundle, options.engine)
    clips = [clip for clip in FrameStore(options.store).clips("test") if clip.path and clip.scene in made.scenes]
    if not clips:
        raise UserError(f"{options.store} holds no test clip with frames of a scene that {options.bundle} knows")
    figures = measuring.figures(made, clips[0], options.frames)
    if options.lengths:
        figures += measuring.by_engine(options.bundle, clips[0], options.frames)
    what, (width, height) = f"{', '.join(made.detectors)} by {made.settings.engine}", measuring.SIZE
    print(f"{options.bundle}: {what}; {clips[0].name} at {width}x{height}")
    print(table.table(figures))
    if options.json:
        artifacts.save_json(options.json, {"rows": table.values(figures)})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=Path("data/bundle"), help="folder of the bundle")
    parser.add_argument("--store", type=Path, default=Path("data"), help="folder of the frame store")
    parser.add_argument("--engine", choices=["torch", "onnxruntime", "openvino"], help="in place of the bundle's own")
    parser.add_argument("--frames", type=int, default=100, help="frames that are timed")
    parser.add_argument("--lengths", action="store_true", help="also time 72, 128 and 256 frames by each engine")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    return parser.parse_args()


if __name__ == "__main__":
    stage.run(main, alone=False)
