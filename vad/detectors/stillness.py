"""``stillness``: what came to rest where such things do not rest: an abandoned bag, somebody who lies on the path.

Every thing at rest (``vad.perception.resting``) has a place, in heights of a typical object, a height, a width, an area
and the time for which it has rested. The fit keeps the things that came to rest in the training clips. How often does
one come to rest there, about as large and for as long as this one has? A sum of kernels over those of its scene says,
with heavy tails, so that what is like nothing seen is told from what is far from most. A minute of video shows few of
the places where people stand, but well enough what people who stand look like: how often such a thing rests anywhere,
in any scene, counts like so many seconds of this one, which more video of it outweighs (a prior's pseudo-counts, as in
Gelman et al., "Bayesian Data Analysis", 2013, section 2.4). The answer's negative logarithm is the score: who sits down
on a bench has others who sat there, who waits has others who stood, a bag on the path has none. A frame scores as its
rarest thing, 0 without any.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

import cv2
import numpy as np
import pydantic
from tqdm import tqdm

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.detectors.streaming import Judged
from vad.perception import detection, foreground
from vad.perception.camera import Camera
from vad.perception.foreground import Background, ObjectSize
from vad.perception.resting import COLUMNS, Resting
from vad.perception.scene import by_scene
from vad.perception.sight import CELL, Perception, Sight, View
from vad.pipeline import stage
from vad.pipeline.params import Section

TITLE = "Stillness"
READS = ("frames",)
ROLE = "fit_all"
LABELLED = False
REVISION = 2  # what rests anywhere has a say

UNSEEN = 0.05  # things like any thing whatever that are taken to have been seen: the least that a frequency can be
SHOWN = 0.75  # of the longest training clip: rests beyond are judged as that long
WATCHED = "watched/"
REMEMBERED = 60.0  # seconds of past that a score may depend on


class Params(Section):
    """Section ``stillness``."""

    height: int = pydantic.Field(ge=64, le=1080)
    place: float = pydantic.Field(gt=0, le=100)
    shape: float = pydantic.Field(gt=0, le=10)
    anywhere_seconds: float = pydantic.Field(ge=0, le=1e6)
    max_fit_frames: int = pydantic.Field(ge=100, le=1_000_000)
    max_things: int = pydantic.Field(ge=100, le=1_000_000)


def fit(clips: Sequence[Clip], params: Params, seed: int) -> dict[str, np.ndarray]:
    """Every scene's background and object sizes, and what rested in front of it.

    Returns:
        ``background/<scene>``, ``noise/<scene>``, ``coloured/<scene>``: see ``vad.perception.foreground.Background``;
        ``size/<scene>``: ``ObjectSize.line``; ``things/<scene>`` (T, 6): see :func:`_features`; ``watched/<scene>``
        (C,): seconds of each clip; ``rate/<scene>``: kept frames per second; ``shapes`` (S, 5): of things of all
        scenes, evenly, the last four of :func:`_features` and the seconds for which one stands.
    """
    state: dict[str, np.ndarray] = {}
    scenes = by_scene(clips)
    for scene, own in scenes.items():
        empty = foreground.background(own, params.height)
        size = foreground.object_size(own, empty, params.height)
        state |= _kept(scene, empty, size)
        watched = _spread(own, params.max_fit_frames // len(scenes))
        with ThreadPoolExecutor(stage.workers()) as pool:
            seen = pool.map(partial(_watch, empty=empty, size=size, height=params.height), watched)
            things = list(tqdm(seen, total=len(watched), desc=f"fit stillness: {scene}", unit="clip"))
        step = -(-sum(map(len, things)) // params.max_things) or 1
        state[f"things/{scene}"] = _features(np.concatenate(things)[::step])
        state[f"{WATCHED}{scene}"] = np.array([len(clip.frames) / clip.fps for clip in watched])
        state[f"rate/{scene}"] = np.array(watched[0].fps / step)
    return state | {"shapes": _shapes(state, list(scenes), params.max_things)}


class Detector:
    """The fitted detector."""

    def __init__(self, state: dict[str, np.ndarray], params: Params) -> None:
        self.params = params
        self._state = state

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """(N,) float32, how rare the rarest thing at rest is, -log of its frequency per frame, at least 0; its map."""
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> "Stream":
        """Start on one camera. One that was not fitted has no background: nothing rests in front of it."""
        return Stream(self, perception.camera)

    def resting(self, camera: Camera) -> Resting | None:
        """The eye for what rests in front of ``camera``; None for one that was not fitted."""
        if f"background/{camera.scene}" not in self._state:
            return None
        image, noise, coloured, line = (
            self._state[f"{name}/{camera.scene}"] for name in ("background", "noise", "coloured", "size")
        )
        detection.check_shape(camera, *image.shape[:2])
        return Resting(Background(image, noise, bool(coloured)), ObjectSize(line), camera.fps)

    def rarity(self, scene: str, found: np.ndarray) -> np.ndarray:
        """(N,) -log of how many things per training frame are like each of (N, 8) ``found`` ones, at least 0."""
        params, own = self.params, _features(found)
        scale = np.array([params.place] * 2 + [params.shape] * 3)
        things, shapes = self._state[f"things/{scene}"], self._state["shapes"]
        # Clips are short: a rest of d seconds can only be seen in frames at least d after a clip's first, and one that
        # hardly any frame could show is judged as one that some could.
        seconds = np.minimum(own[:, 5], SHOWN * self._watched[scene].max())
        watched = _long_enough(self._watched[scene], seconds)
        frames = watched * float(self._state[f"rate/{scene}"])
        here = _alike(own[:, :5], things[:, :5], scale, things[:, 5] >= seconds[:, None]).sum(axis=1) / frames
        lasting = shapes[:, 4] * (shapes[:, 3] >= seconds[:, None])
        anywhere = _alike(own[:, 2:5], shapes[:, :3], scale[2:], lasting).sum(axis=1)
        anywhere /= _long_enough(np.concatenate(list(self._watched.values())), seconds)
        share = watched / (watched + params.anywhere_seconds)
        often = share * here + (1 - share) * anywhere + UNSEEN / frames
        return np.maximum(-np.log(often), 0)

    @cached_property
    def _watched(self) -> dict[str, np.ndarray]:
        """Scene -> (C,) seconds of its training clips."""
        return {key.removeprefix(WATCHED): self._state[key] for key in sorted(self._state) if key.startswith(WATCHED)}


class Stream:
    """One camera's frames, each judged by what rests in it so far."""

    latency = 0
    pixels = True

    def __init__(self, detector: Detector, camera: Camera) -> None:
        self._detector, self._scene = detector, camera.scene
        self._resting = detector.resting(camera)
        self.past = round(REMEMBERED * camera.fps)

    def push(self, sight: Sight) -> list[Judged]:
        """The wanted frames of this sight; the others are looked at, too."""
        judged = [self._judge(view) for view in sight.views]
        return [one for one, view in zip(judged, sight.views, strict=True) if view.wanted]

    def _judge(self, view: View) -> Judged:
        image = view.working(self._detector.params.height)
        rows, columns = (side // CELL for side in image.shape[:2])
        heat = np.zeros((rows, columns), np.float16)
        if self._resting is None:
            return Judged(view.frame, np.float32(0), heat)
        if image.shape[1::-1] != self._resting.shape:  # the scene was learnt from frames of another size
            image = cv2.resize(image, self._resting.shape, interpolation=cv2.INTER_AREA)
        found = self._resting.push(image.astype(np.float32))
        rarities = self._detector.rarity(self._scene, found)
        wide = columns * self._resting.shape[1] / self._resting.shape[0]  # cells of a frame's height, from side to side
        for i in np.argsort(rarities, kind="stable"):  # the rarest last, over the others
            x1, y1, x2, y2 = found[i, :4] * [wide, rows, wide, rows]
            heat[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = rarities[i]
        return Judged(view.frame, np.float32(rarities.max(initial=0)), heat)


def _long_enough(watched: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """(N,) seconds of clips of ``watched`` (C,) seconds in which one could see a rest of ``seconds`` (N,)."""
    return np.maximum(watched - seconds[:, None], 0).sum(axis=1)


def _alike(own: np.ndarray, known: np.ndarray, scale: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N, T) Cauchy kernels between (N, F) and (T, F) features, times ``weights`` (N, T)."""
    away = (own[:, None] - known[None]) / scale
    return weights / (1 + (away**2).sum(axis=2))


def _shapes(state: dict[str, np.ndarray], scenes: list[str], most: int) -> np.ndarray:
    """(S, 5) at most ``most`` things of all scenes: form, time at rest, seconds for which one stands."""
    parts = []
    for scene in scenes:
        form = state[f"things/{scene}"][:, 2:]
        parts.append(np.column_stack([form, np.full(len(form), 1 / float(state[f"rate/{scene}"]))]))
    every = np.concatenate(parts)
    step = -(-len(every) // most) or 1
    return every[::step] * [1, 1, 1, 1, step]


def _kept(scene: str, empty: Background, size: ObjectSize) -> dict[str, np.ndarray]:
    values = {"background": empty.image, "noise": empty.noise, "coloured": np.array(empty.coloured), "size": size.line}
    return {f"{name}/{scene}": value for name, value in values.items()}


def _watch(clip: Clip, empty: Background, size: ObjectSize, height: int) -> np.ndarray:
    """(T, 8) everything that rests in the clip's frames, frame by frame."""
    resting = Resting(empty, size, clip.fps)
    found = [resting.push(foreground.read(clip, frame, height)) for frame in clip.frames]
    return np.concatenate([np.empty((0, len(COLUMNS))), *found])


def _spread(clips: Sequence[Clip], most: int) -> list[Clip]:
    """Whole clips, evenly spread, of about ``most`` frames; at least one: rest shows in runs of frames only."""
    step = max(1, -(-sum(len(clip.frames) for clip in clips) // most))
    return list(clips[::step])


def _features(found: np.ndarray) -> np.ndarray:
    """(N, 8) things as ``COLUMNS`` -> (N, 6) their features.

    x and y of the feet in heights of a typical object there, logarithms of height, width and area, seconds at rest.
    """
    x1, y1, x2, y2, height, width, area, seconds = found.T
    typical = (y2 - y1) / height
    place = (x1 + x2) / 2 / typical, y2 / typical
    return np.stack([*place, np.log(height), np.log(width), np.log(area), seconds], axis=1)
