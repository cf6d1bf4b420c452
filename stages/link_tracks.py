"""Person tracks of every clip: those that came with the data set, else its objects linked from frame to frame.

Boxes that came without an identity are linked as objects are.
"""

import logging

import pandas as pd

from vad.data.frames import DATA, FrameStore
from vad.perception import finding, tracking
from vad.pipeline import artifacts, params, stage
from vad.pipeline.executor import map_clips

OUT = DATA / "linked_tracks.parquet"


def main() -> dict:
    store = FrameStore()
    settings = params.section("link_tracks", tracking.Params)
    clips = store.with_tracks(store.clips(), linked=False)
    found = map_clips(finding.Linking(DATA / "objects", settings), clips, desc="link tracks")
    own = {clip.name: part for clip, part in zip(clips, found, strict=True) if part is not None}
    linked = sum(here for _, here in own.values())
    parts = [store.tracks.iloc[:0], *(tracks.assign(clip=name) for name, (tracks, _) in own.items())]
    table = pd.concat(parts, ignore_index=True)[store.tracks.columns].astype(store.tracks.dtypes)
    artifacts.save_table(OUT, table)
    logging.info("%d tracks of %d clips, %d of them linked here", *_counts(table), linked)
    return {"frames": len(table[["clip", "frame"]].drop_duplicates())}


def _counts(table: pd.DataFrame) -> tuple[int, int]:
    return len(table[["clip", "track"]].drop_duplicates()), table["clip"].nunique()


if __name__ == "__main__":
    stage.run(main)
