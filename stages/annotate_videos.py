"""Annotated videos: data/videos/<clip>.mp4 of the most telling test clips; or of one clip, as a command:

python -m stages.annotate_videos --clip 01_0014 --detector padim --out padim.mp4
"""

import argparse
import logging
import sys
from pathlib import Path

import pandas as pd

from vad.data.frames import FrameStore
from vad.detectors.titles import check, title
from vad.pipeline import artifacts, params, stage
from vad.pipeline.errors import UserError
from vad.pipeline.executor import map_clips
from vad.pipeline.naming import file_name
from vad.pipeline.results import read_json, read_table
from vad.visualization import annotate, scale

FOLDER = Path("data/videos")
MAPS = Path("data/maps")


def main() -> dict:
    options = parse()
    section = params.section("annotate", annotate.Params)
    table = scale.decided(artifacts.load_table("data/fused.parquet"), read_json(Path("data/thresholds.json")))
    for key in ("detector", "maps"):
        check([getattr(section, key)], list(table["detector"].unique()), f"annotate.{key}")
    detector = choose(options.detector or section.detector, table, asked=bool(options.detector))
    rows = table[table["detector"] == detector]
    sources = dict.fromkeys([detector, section.maps, *sorted(path.name for path in MAPS.glob("*"))])
    folders = tuple(MAPS / source for source in sources)
    events = read_table(Path("data/events.csv"))
    stories = annotate.Stories(rows, title(detector), folders, events, section)
    store = FrameStore()
    clips = {clip.name: clip for clip in store.with_tracks(store.clips("test"), linked=False)}
    if options.clip:
        if options.clip not in set(rows["clip"]):
            raise UserError(
                f"no scored test clip '{options.clip}'; choose from {', '.join(sorted(rows['clip'].unique()))}"
            )
        with artifacts.replacing(options.out or f"{file_name(options.clip)}.mp4") as path:
            annotate.render(clips[options.clip], stories.of(options.clip), path, section)
        return {}
    chosen = annotate.telling(rows, section.clips)
    with artifacts.replacing(FOLDER) as folder:
        folder.mkdir()
        map_clips(stories, [clips[name] for name in chosen], {"videos": folder}, desc="annotate", local="threads")
    return {"frames": int(rows["clip"].isin(chosen).sum())}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", help="one clip; without it, the clips with the highest peaks")
    parser.add_argument("--detector", help="whose scores and maps (default: annotate.detector, annotate.maps)")
    parser.add_argument("--out", type=Path, help="the video to write (default: <clip>.mp4)")
    return parser.parse_args()


def choose(wanted: str, table: pd.DataFrame, asked: bool) -> str:
    """The ``wanted`` detector if it ran; else, unless it was asked for, the first that did."""
    ran = list(table["detector"].unique())
    if wanted in ran:
        return wanted
    if asked or not ran:
        raise UserError(f"detector '{wanted}' left no scores; choose from {', '.join(ran)}")
    logging.info("annotate.detector: %s did not run; %s is shown", wanted, ran[0])
    return ran[0]


if __name__ == "__main__":
    one = "--clip" in sys.argv
    stage.run(main, name="annotate_clip" if one else None, alone=not one)
