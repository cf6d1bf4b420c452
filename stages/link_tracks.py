"""Person tracks of every clip: those that came with the data set, else its objects linked from frame to frame.

Boxes that came without an identity are linked as objects are.
"""

import logging

import pandas as pd
from tqdm import tqdm

from vad.data.frames import DATA, FrameStore
from vad.perception import tracking
from vad.pipeline import artifacts, params, stage

OUT = DATA / "linked_tracks.parquet"


def main() -> dict:
    store = FrameStore()
    settings = params.section("link_tracks", tracking.Params)
    given = dict(tuple(store.tracks.groupby("clip")))
    parts, linked = [store.tracks.iloc[:0]], 0
    for clip in tqdm(store.clips(), desc="link tracks", unit="clip"):
        objects = DATA / "objects" / f"{clip.name}.parquet"
        if clip.name in given:
            own = tracking.identified(given[clip.name], clip.fps, settings)
            linked += own is not given[clip.name]
        elif objects.exists():
            own = tracking.link(artifacts.load_table(objects), clip.fps, settings)
            linked += 1
        else:
            continue
        parts.append(own.assign(clip=clip.name))
    table = pd.concat(parts, ignore_index=True)[store.tracks.columns].astype(store.tracks.dtypes)
    artifacts.save_table(OUT, table)
    logging.info("%d tracks of %d clips, %d of them linked here", *_counts(table), linked)
    return {"frames": len(table[["clip", "frame"]].drop_duplicates())}


def _counts(table: pd.DataFrame) -> tuple[int, int]:
    return len(table[["clip", "track"]].drop_duplicates()), table["clip"].nunique()


if __name__ == "__main__":
    stage.run(main)
