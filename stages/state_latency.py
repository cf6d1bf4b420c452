"""How much later than its frame each detector's score comes on a camera, by test clip; a fusion waits for its slowest.

In: data/models, data/scenes, data/fusion.json, the frame store. Out: data/latency.json: detector, and each fusion ->
clip -> seconds.
"""

import logging

import numpy as np

from vad.data.frames import DATA, FrameStore
from vad.detectors import fitted, latency
from vad.perception.scene import Scene
from vad.pipeline import artifacts, stage
from vad.pipeline.results import MODELS, read_json, why_skipped
from vad.post_processing import fusion


def main() -> dict:
    clips = FrameStore().clips("test")
    states = artifacts.load_state(DATA / "scenes")[0]
    scenes = {name: Scene.from_arrays(arrays) for name, arrays in states.items()}
    members = read_json(DATA / "fusion.json")["detectors"]
    names = [path.name for path in sorted(MODELS.iterdir()) if why_skipped(path.name) is None]
    found = {name: latency.seconds(fitted.load_fitted(MODELS / name), clips, scenes) for name in names}
    slowest = {clip.name: max(found[name][clip.name] for name in members) for clip in clips}
    artifacts.save_json(DATA / "latency.json", found | dict.fromkeys(fusion.NAMES, slowest))
    for name in names:
        logging.info("%s: %.2f s", name, np.median(list(found[name].values())))
    return {"detectors": len(names)}


if __name__ == "__main__":
    stage.run(main)
