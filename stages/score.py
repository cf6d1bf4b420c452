"""Score the test and calibration frames with one fitted detector: ``python -m stages.score padim``."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from vad.data.frames import FrameStore
from vad.pipeline import artifacts, stage
from vad.protocol import fitting


def main(name: str) -> dict:
    scored = []
    with artifacts.replacing(Path("data/maps") / name) as folder:
        folder.mkdir()
        for part in fitting.score(name, FrameStore()):
            if part.maps is not None and part.clip.split == "test":
                artifacts.save_arrays(
                    folder / f"{part.clip.name}.npz",
                    {"frames": part.clip.frames, "maps": part.maps.astype(np.float16)},
                )
            scored.append(replace(part, maps=None))
    table = fitting.score_table(scored)
    artifacts.save_table(f"data/scores/{name}.parquet", table)
    return {"frames": len(table)}


if __name__ == "__main__":
    wanted = " ".join(sys.argv[1:])
    stage.run(lambda: main(wanted), name=f"score@{wanted}")
