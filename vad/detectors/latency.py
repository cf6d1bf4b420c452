"""How much later than its frame a score comes: what a fitted detector's stream on the camera declares."""

from collections.abc import Mapping, Sequence

from vad.data.frames import Clip
from vad.detectors.fitted import Fitted
from vad.detectors.registry import declared
from vad.perception import detection, embedding, followed, tracking
from vad.perception.camera import Camera
from vad.perception.feeding import camera_of
from vad.perception.scene import Scene
from vad.perception.sight import Perception
from vad.pipeline import params


def seconds(model: Fitted, clips: Sequence[Clip], scenes: Mapping[str, Scene]) -> dict[str, float]:
    """Clip -> seconds that its camera's scores are late by: the stream's latency in frames, at the camera's rate.

    Args:
        clips: of any frames. scenes: as they were fitted; where one is not, it is learnt from its clip.
    """
    detector = model.detector(next(iter(model.states)))
    known: dict[tuple, float] = {}
    found = {}
    for clip in clips:
        camera = camera_of(clip)
        key = (clip.scene, clip.fps, clip.size) if clip.scene in scenes else (clip.name,)
        if key not in known:
            known[key] = detector.stream(_perception(model, clip, camera, scenes)).latency / clip.fps
        found[clip.name] = known[key]
    return found


def _perception(model: Fitted, clip: Clip, camera: Camera, scenes: Mapping[str, Scene]) -> Perception:
    """What a live camera's streams share; where tracks came with the data, these, as late as no camera's are."""
    perception, reads = Perception(camera), declared(model.name).reads
    if "embeddings" in reads:
        embedding.give(perception, embedding.Stored(clip))
    if "tracks" in reads and not model.meta.get("linked", True):
        followed.give(perception, followed.Stored(clip))
    elif {"objects", "tracks"} & set(reads):
        where = f"{model.name}: meta.json"
        finding = params.validate(model.meta["extract_objects"], detection.Params, where)
        scene = scenes.get(clip.scene) or Scene.learn([clip], finding.height)
        detection.give(perception, detection.Finder(perception, scene, finding))
        if "tracks" in reads:
            linking = params.validate(model.meta["link_tracks"], tracking.Params, where)
            followed.give(perception, followed.Linked(perception, linking))
    return perception
