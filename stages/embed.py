"""Compute every needed frame's embedding once, for all methods that look at embeddings."""

import logging

import numpy as np

from vad.data.frames import FrameStore
from vad.detectors import registry
from vad.features import embedding, semantic
from vad.pipeline import artifacts, params, stage
from vad.protocol.folds import select

ROLES = ["prototypes", "calibration", "test"]


def main() -> dict:
    store = FrameStore()
    if not registry.reading("embeddings") or not store.has_pixels:
        logging.info("no embeddings: %s", "nobody needs them" if store.has_pixels else "the data set has no pixels")
        artifacts.save_arrays(semantic.EMBEDDINGS, semantic.arrays([], np.zeros((0, 1), np.float32)))
        return {"frames": 0}
    sample = artifacts.load_table("data/sample.parquet")
    wanted = sample.loc[sample["role"].isin(ROLES), ["clip", "frame"]].drop_duplicates()
    arrays = embedding.embed(select(store, wanted), params.section("encoder", semantic.Params))
    artifacts.save_arrays(semantic.EMBEDDINGS, arrays)
    return {"frames": len(arrays["frame"])}


if __name__ == "__main__":
    stage.run(main)
