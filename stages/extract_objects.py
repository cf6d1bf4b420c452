"""Find the objects of every frame that a detector of objects is fitted on or scores.

Out: data/objects/<clip>.parquet, see vad.perception.detection, and data/scenes/<scene>.safetensors: what is known of
each training scene, by which objects are found in its further video (vad.perception.scene).
"""

import logging

from vad.data.frames import DATA, FrameStore
from vad.detectors import registry
from vad.perception import detection, finding
from vad.perception.flow import centres, spread
from vad.perception.scene import Scene, by_scene
from vad.pipeline import artifacts, params, stage
from vad.pipeline.executor import map_clips
from vad.protocol.folds import fit_clips, select

OUT, SCENES = DATA / "objects", DATA / "scenes"
RUN = 60  # consecutive frames of the training clips that are looked at together: long enough to be linked to tracks


def main() -> dict:
    store = FrameStore()
    reading = registry.reading("objects")
    if not (reading or registry.reading("tracks")) or not store.has_pixels:
        logging.info("no objects: %s", "nobody needs them" if store.has_pixels else "the data set has no pixels")
        artifacts.save_state(SCENES, {}, {})
        with artifacts.replacing(OUT) as folder:
            folder.mkdir()
        return {"frames": 0}
    settings = params.section("extract_objects", detection.Params)
    sample = artifacts.load_table("data/sample.parquet")
    training = fit_clips(store, sample, "fit_all")
    scored = select(store, sample[sample["role"].isin(["test", "calibration"])])
    weak = [centres(clip) for clip in fit_clips(store, sample, "weak") if clip.split == "weak"]
    wanted = [*spread(training, settings.max_fit_frames, RUN), *scored, *(weak if "weak" in reading else [])]
    scenes = {name: Scene.learn(own, settings.height) for name, own in by_scene(training).items()}
    artifacts.save_state(SCENES, {name: scene.arrays() for name, scene in scenes.items()}, {})
    with artifacts.replacing(OUT) as folder:
        folder.mkdir()
        clips = [clip for own in by_scene(wanted).values() for clip in own]
        map_clips(finding.Finding(scenes, settings), clips, {"objects": folder}, desc="objects")
    return {"frames": sum(len(clip.frames) for clip in wanted)}


if __name__ == "__main__":
    stage.run(main)
