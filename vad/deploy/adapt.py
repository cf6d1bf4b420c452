"""A bundle of a camera's own: its scene learnt, its scores calibrated and its thresholds set on its own normal video.

The detectors stay as they were fitted. What changes is what they are compared with: the held-out normal scores of the
data set give way to this camera's, and the thresholds, until then tuned on labelled frames of elsewhere, to those that
keep the camera within a budget of alarms. Scene, calibration and thresholds see the same video; it should be long, and
of all that is normal there.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from vad.data.packing import stored_size
from vad.deploy import budget, sealed
from vad.deploy import bundle as bundles
from vad.deploy import sample as samples
from vad.deploy.alarms import Rules
from vad.deploy.normal import Normal
from vad.deploy.score import spread
from vad.deploy.sources import files
from vad.deploy.sources.address import Source
from vad.deploy.sources.media import Frame, Opened
from vad.deploy.stream import FUSION
from vad.perception.camera import Camera
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.post_processing.calibration import quantile, surprise

PAIRS = 60  # of consecutive frames of each part, that the scene is learnt from
BETWEEN = 60.0  # seconds between two parts of a recording: no alarm spans them


def adapt(
    folder: Path,
    videos: list[Source],
    scene: str,
    out: Path,
    rules: Rules,
    per_hour: float | None = None,
    progress: Callable[[int], object] = lambda frames: None,
    fps: float | None = None,
) -> dict:
    """Write the bundle in ``folder``, adapted to the normal video in ``videos``, as ``out``.

    Args:
        videos: files of one camera, in order of time. scene: the name under which the camera is to be judged.
        rules: by which alarms are counted; their threshold does not matter.
        per_hour: alarms an hour that are allowed; None: the fewest that so much video can promise.
        fps: frames per second that are looked at, as the camera will be; all by default.

    Returns:
        What the card says of it: camera, minutes, frames, alarms_per_hour, thresholds.

    Raises:
        UserError: the video is too short or changes its size, or the bundle is not whole.
    """
    if out.resolve() == folder.resolve():
        raise UserError(f"{out} is the bundle itself: name another folder with --out")
    bundles.load(folder)
    with artifacts.replacing(out) as made:
        shutil.copytree(folder, made, copy_function=shutil.copyfile)  # what DVC linked may not be written
        _give_scene(made, videos, scene, fps)
        normal = judged(bundles.load(made), videos, scene, progress, fps)
        minutes = float(np.ptp(normal.seconds)) / 60 if len(normal.seconds) else 0.0
        if minutes == 0:
            raise UserError(
                f"{scene}: {len(normal.seconds)} frames are no normal video to adapt to: give minutes of it"
            )
        per_hour = per_hour if per_hour is not None else max(60 / minutes, 1e-3)
        thresholds = {
            name: budget.threshold(normal.calibrated(name), normal.seconds, per_hour, rules) for name in normal.scores
        }
        facts = {
            "camera": scene,
            "minutes": round(minutes, 2),
            "frames": len(normal.seconds),
            "alarms_per_hour": round(per_hour, 4),
            "thresholds": thresholds,
        }
        _write(made, normal, facts)
    return facts


def judged(
    bundle: bundles.FittedBundle,
    videos: list[Source],
    scene: str,
    progress: Callable[[int], object],
    wanted: float | None = None,
) -> Normal:
    """The scores of the frames of ``videos``, ``wanted`` a second, calibrated and fused by themselves alone."""
    scores: dict[str, list[float]] = {name: [] for name in bundle.detectors}
    seconds: list[float] = []
    start = 0.0
    for video in videos:
        scorer, last, fps = None, 0.0, 25.0
        for item in _with_end(files.read(video, wanted)):
            if isinstance(item, Opened):
                fps = min(wanted or item.fps, item.fps)
            found = []
            if isinstance(item, Frame):
                if scorer is None:
                    scorer = bundle.open(Camera(scene, scene, fps, item.image.shape[1::-1]))
                found, last = scorer.push(item.image, item.seconds), item.seconds
                progress(1)
            elif item is None and scorer is not None:
                found = scorer.close()
            for one in found:
                seconds.append(start + one.seconds)
                for name, own in scores.items():
                    own.append(one.readings[name].causal)
        start += last + BETWEEN
    normal = {name: np.array(own) for name, own in scores.items()}
    calibrated = {name: quantile(own, own) for name, own in normal.items()}
    weights = bundle.settings.weights
    normal[FUSION] = np.sum([weight * surprise(calibrated[name]) for name, weight in weights.items()], axis=0)
    return Normal(np.array(seconds), normal)


def _with_end(items):
    yield from items
    yield None


def _give_scene(made: Path, videos: list[Source], scene: str, fps: float | None) -> None:
    """Learn the camera's scene into the bundle, in place of all others."""
    values = artifacts.load_json(made / "bundle.json")
    values["scenes"] = [scene]
    if values["objects"] is not None:
        sample = [image for video in videos for image in spread(video, PAIRS, fps)]
        height, width = sample[0].shape[:2]
        size = stored_size(width, height, values["short_side"])
        images = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in sample]
        camera = Camera(scene, scene, files.rate(videos[0], fps), size)
        learnt = samples.learn(camera, images, values["objects"]["height"])
        artifacts.save_state(made / "scenes", {scene: learnt.arrays()}, {})
    artifacts.save_json(made / "bundle.json", values, digits=None)
    sealed.seal(_unsealed(made))


def _write(made: Path, normal: Normal, facts: dict) -> None:
    artifacts.save_state(made / "calibration", {"normal": normal.scores, "times": {"seconds": normal.seconds}}, {})
    values = artifacts.load_json(made / "bundle.json")
    own = {"thresholds": facts["thresholds"], "scene_thresholds": {}}
    artifacts.save_json(made / "bundle.json", values | own, digits=None)
    card = artifacts.load_json(made / "card.json")
    artifacts.save_json(made / "card.json", card | {"adapted": facts}, digits=None)
    with (made / "card.md").open("a", encoding="utf-8") as file:
        file.write(
            f"\n## Adapted to {facts['camera']}\n\n"
            f"Scene, calibration and thresholds come from {facts['minutes']:.1f} minutes of the camera's own normal "
            f"video ({facts['frames']} frames), within a budget of {facts['alarms_per_hour']:g} alarms an hour; what "
            "is said above of thresholds and alarms was measured before that.\n\n"
            + "".join(f"- {name}: threshold {value:.9g}\n" for name, value in facts["thresholds"].items())
        )
    sealed.seal(_unsealed(made))


def _unsealed(folder: Path) -> Path:
    (folder / sealed.SUMS).unlink()
    return folder
