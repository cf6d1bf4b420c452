"""Trajectories of persons: how a person moves, how the box's shape goes with it, whether such a box belongs there.

Three groups of features per box, each with its own density:
    motion: velocity and acceleration in body heights per second, one Gaussian mixture for all scenes;
    gait: the same together with the log aspect of the box and its rate, one mixture for all scenes: a walker's box
        widens and narrows with each step, a rider's does not, and a body that is bent or lies is wide;
    shape: width and height of the box given where it stands, one mixture per scene.
A group's negative log-likelihood becomes a surprise (vad.detectors.density.tails): its tail probability among boxes of
training clips in the same cell of the same scene, since what is usual near a bench is not in the middle of a path. The
tails come from boxes that the density did not see, for which the clips of each scene are fitted in two halves. A box
scores the surprises of its motion and its gait plus ``weight`` times that of its shape, averaged along its trajectory
over about a second: an oddity that lasts is none of the tracker's. Boxes that the border cuts off tell nothing of
height, speed or shape and do not count; a short trajectory is drawn to the usual. A frame scores as its most
surprising box, an empty frame 0, the minimum.

The weight keeps a shape density that only memorised its clips from drowning the motion, and asks for no label: set to
raise an alarm at a share ``alarm_level`` of the boxes of one half of a scene's clips, it raises more on the other
half, normal as it is. The weight is the share of those alarms that was to be expected: near 1 where a camera stands
still, near 0 where a scene's clips do not show the same view.

All of this looks at both sides of a frame. A camera has no other side yet: ``vad.detectors.tracks.live``.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pydantic

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.detectors.density.mixture import Mixture
from vad.detectors.density.tails import PlaceTails
from vad.detectors.tracks.live import Stream
from vad.perception.flow import spread
from vad.perception.sight import Perception
from vad.perception.trajectories import AVERAGE_REACH, SMOOTH_REACH, Trajectories, densify
from vad.pipeline.errors import CannotFit
from vad.pipeline.params import Section

log = logging.getLogger(__name__)

POOLED = "pooled"  # the shape density of scenes that were not fitted
PLACE = [0, 1]  # of shape's columns: where the box stands
GROUPS = ("motion", "gait", "shape")
USUAL = 1.0  # nats: the mean surprise of a normal box
BOXES_PER_COMPONENT = 1000  # of a mixture: the boxes of a track resemble each other, a thousand are some dozen tracks
RUN = 10  # consecutive training frames that are taken together
CUT = 0.005  # of the picture's height: a box that comes so near to the border is cut off by it


class Params(Section):
    max_gap_seconds: float = pydantic.Field(gt=0, le=60)
    smooth_seconds: float = pydantic.Field(gt=0, le=10)
    window_seconds: float = pydantic.Field(gt=0, le=10)
    average_seconds: float = pydantic.Field(gt=0, le=60)
    prior: float = pydantic.Field(ge=0, le=10)
    components: int = pydantic.Field(ge=1, le=100)
    regularisation: float = pydantic.Field(gt=0, le=1)
    boxes: int = pydantic.Field(ge=100, le=10_000_000)
    scene_boxes: int = pydantic.Field(ge=100, le=10_000_000)
    max_fit_frames: int = pydantic.Field(1_000_000, ge=100, le=100_000_000)  # older models were saved without it
    alarm_level: float = pydantic.Field(gt=0, le=0.1)
    map_rows: int = pydantic.Field(ge=4, le=120)


def fit(clips: Sequence[Clip], params: Params, seed: int) -> dict[str, np.ndarray]:
    """Both densities, their tails on held-out training clips, and their weights.

    Args:
        clips: each with its tracks; one is in memory at a time, then its boxes on ``params.max_fit_frames`` of all
            frames, evenly spread over scenes and clips.

    Raises:
        CannotFit: the training clips hold no boxes.
    """
    bare = [replace(clip, tracks=None) for clip in clips]
    frames = {clip.name: clip.frames for clip in spread(bare, params.max_fit_frames, RUN)}
    boxes = [_boxes(clip.only(frames[clip.name]), params) for clip in clips if clip.name in frames]
    boxes = [b for b in boxes if len(b["frames"])]
    if not boxes:
        raise CannotFit("the training clips hold no person boxes")
    state = _fit_densities(boxes, params, seed)
    halves = _halves([b["scene"] for b in boxes])
    judged: list[tuple[dict, dict[str, np.ndarray]]] = []  # boxes, and their likelihoods by a density that saw others
    expected = raised = 0.0
    for half in (0, 1):
        seen = [b for b, own in zip(boxes, halves, strict=True) if own != half]
        unseen = [b for b, own in zip(boxes, halves, strict=True) if own == half]
        if not seen or not unseen:
            continue
        densities = _Densities(_fit_densities(seen, params, seed))
        judged += [(b, densities.all(b)) for b in unseen]
        expected += params.alarm_level * sum(len(b["frames"]) for b in unseen)
        raised += _alarms(densities, seen, unseen, params.alarm_level)
    if not judged:  # one clip per scene: nothing to compare with
        densities = _Densities(state)
        judged = [(b, densities.all(b)) for b in boxes]
    scenes, places = [b["scene"] for b, _ in judged], [b["place"] for b, _ in judged]
    for group in GROUPS:
        state |= PlaceTails.fit(scenes, places, [values[group] for _, values in judged]).arrays(f"{group}.tail")
    state["shape.weight"] = np.array(min(1.0, expected / max(raised, 1.0)))
    log.info("tracks: box shape counts %.2f as much as motion", state["shape.weight"])
    return state


class Detector:
    """The fitted densities, ready to score."""

    def __init__(self, state: dict[str, np.ndarray], params: Params) -> None:
        self.params = params
        self.densities = _Densities(state)
        self.tails = {group: PlaceTails.from_arrays(state, f"{group}.tail") for group in GROUPS}
        self.weights = {"motion": 1.0, "gait": 1.0, "shape": float(state["shape.weight"])}

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """(N,) frame scores, >= 0, and the (N, h, w) map of box scores; no map where the picture's size is unknown.

        They know each trajectory whole; :meth:`live` does not.
        """
        surprises, boxes = self._judged(clip)
        return _highest(clip, surprises, boxes), self._paint(clip, boxes, surprises)

    def live(self, clip: Clip) -> np.ndarray:
        """(N,) float32 scores of the frames as :meth:`stream` gives them, which looks no further ahead than it says."""
        return streaming.score(self, clip)[0]

    def stream(self, perception: Perception) -> Stream:
        """Start on one camera whose tracks are known or found (``vad.perception.followed``)."""
        return Stream(self, perception)

    @property
    def reach_seconds(self) -> float:
        """How far before a frame its score looks."""
        params = self.params
        averages = AVERAGE_REACH * params.average_seconds + SMOOTH_REACH * params.smooth_seconds
        return averages + 2 * params.window_seconds + params.max_gap_seconds

    def _judged(self, clip: Clip) -> tuple[np.ndarray, dict]:
        """(B,) averaged surprises of the boxes on the clip's frames, and these boxes."""
        if clip.tracks is None or clip.tracks.empty:
            return np.empty(0), _permitted(_nothing(clip), clip)
        trajectories = _trajectories(clip, self.params)
        boxes = _described(clip, trajectories, self.params)
        sigma, usual = self.params.average_seconds * clip.fps, USUAL * sum(self.weights.values())
        near = _near(boxes["frames"], clip.frames, AVERAGE_REACH * sigma + 1)
        surprises = np.full(len(near), usual)
        surprises[near] = self._surprises(_rows(boxes, near))
        averaged = trajectories.averaged(surprises, near & ~boxes["cut"], sigma, self.params.prior, usual)
        kept = _permitted(boxes | {"surprises": averaged}, clip)
        return kept["surprises"], kept

    def _surprises(self, boxes: dict) -> np.ndarray:
        """(B,) the groups' weighted surprises, each box by itself."""
        parts = []
        for group, weight in self.weights.items():
            values = self.densities(group, boxes)
            parts.append(weight * self.tails[group].surprise(boxes["scene"], boxes["place"], values))
        return np.sum(parts, axis=0)

    def _paint(self, clip: Clip, boxes: dict, surprises: np.ndarray) -> np.ndarray | None:
        width, height = clip.size
        if not width or not height:
            return None
        shape = (self.params.map_rows, max(1, round(self.params.map_rows * width / height)))
        maps = np.zeros((len(clip.frames), *shape), np.float16)
        if not len(surprises):
            return maps
        rows = np.searchsorted(clip.frames, boxes["frames"])
        cell = np.array([width / shape[1], height / shape[0]])
        centre, half = boxes["boxes"][:, :2] / cell, boxes["boxes"][:, 2:] / cell / 2
        first = np.clip(np.floor(centre - half), 0, None).astype(int)
        last = np.maximum(np.ceil(centre + half).astype(int), 0)
        for box in np.argsort(surprises):  # the most surprising last, over the others
            (x1, y1), (x2, y2) = first[box], last[box]
            maps[rows[box], y1:y2, x1:x2] = surprises[box]
        return maps


def _highest(clip: Clip, surprises: np.ndarray, boxes: dict) -> np.ndarray:
    """(N,) float32 the highest surprise of each frame's boxes, 0 without boxes."""
    scores = np.zeros(len(clip.frames), np.float32)
    np.maximum.at(scores, np.searchsorted(clip.frames, boxes["frames"]), surprises.astype(np.float32))
    return scores


class _Densities:
    """Negative log-likelihoods of boxes under a state's mixtures."""

    def __init__(self, state: dict[str, np.ndarray]) -> None:
        names = {key.removesuffix(".means") for key in state if key.endswith(".means")}
        self.mixtures = {name: Mixture.from_arrays(state, name) for name in names}

    def all(self, boxes: dict) -> dict[str, np.ndarray]:
        """Each group's values of all boxes."""
        return {group: self(group, boxes) for group in GROUPS}

    def __call__(self, group: str, boxes: dict) -> np.ndarray:
        if group != "shape":
            return self.mixtures[group].negative_log_density(boxes[group])
        own = f"shape.{boxes['scene']}"
        mixture = self.mixtures[own if own in self.mixtures else f"shape.{POOLED}"]
        return mixture.negative_log_conditional(boxes["shape"], given=PLACE)


def _boxes(clip: Clip, params: Params) -> dict:
    """What a fit needs of the clip's boxes on its permitted frames, see :func:`_described`."""
    if clip.tracks is None or clip.tracks.empty:
        return _nothing(clip)
    boxes = _permitted(_described(clip, _trajectories(clip, params), params), clip)
    return {name: boxes[name] for name in ("scene", "frames", *GROUPS, "place")}


def _trajectories(clip: Clip, params: Params) -> Trajectories:
    return densify(clip.tracks, max(1, round(params.max_gap_seconds * clip.fps)))


def _described(clip: Clip, trajectories: Trajectories, params: Params) -> dict:
    """All boxes of a clip.

    Returns:
        scene; frames (B,); boxes (B, 4); motion (B, 4); gait (B, 6); shape (B, 4); place (B, 2), where the feet are as
        fractions of the picture; cut (B,) bool, whether the border cuts the box off.
    """
    boxes = trajectories.smoothed(params.smooth_seconds * clip.fps)
    window = max(2, round(params.window_seconds * clip.fps))
    motion, shape = _motion(trajectories, boxes, clip.fps, window), _shape(boxes)
    aspect = shape[:, 3:] - shape[:, 2:3]
    return {
        "scene": clip.scene,
        "frames": trajectories.frames,
        "boxes": boxes,
        "motion": motion,
        "gait": np.concatenate([motion, aspect, trajectories.rate(aspect, window) * clip.fps], axis=1),
        "shape": shape,
        "place": shape[:, PLACE] / np.maximum(clip.size, 1),
        "cut": _cut(boxes, clip.size),
    }


def _permitted(boxes: dict, clip: Clip) -> dict:
    """The boxes on the clip's own frames."""
    return _rows(boxes, np.isin(boxes["frames"], clip.frames))


def _rows(boxes: dict, chosen: np.ndarray) -> dict:
    return {name: rows if name == "scene" else rows[chosen] for name, rows in boxes.items()}


def _near(frames: np.ndarray, wanted: np.ndarray, reach: float) -> np.ndarray:
    """(B,) bool: which ``frames`` are at most ``reach`` from one of the (N,) ascending ``wanted``."""
    after = np.searchsorted(wanted, frames).clip(1, max(1, len(wanted) - 1))
    ends = np.stack([wanted[after - 1], wanted[np.minimum(after, len(wanted) - 1)]])
    return np.abs(ends - frames).min(axis=0) <= reach


def _nothing(clip: Clip) -> dict:
    return {"scene": clip.scene, "frames": np.empty(0, int), "boxes": np.empty((0, 4))}


def _cut(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(B,) bool: boxes that reach the picture's border, at any side; none where its size is unknown."""
    width, height = size
    if not width or not height:
        return np.zeros(len(boxes), bool)
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    margin = CUT * height
    outside = (centre - half < margin) | (centre + half > np.array(size) - margin)
    return np.asarray(outside.any(axis=1))


def _motion(trajectories: Trajectories, boxes: np.ndarray, fps: float, window: int) -> np.ndarray:
    """(B, 4): velocity x, y in heights/s and acceleration x, y in heights/s^2, over ``window`` frames."""
    velocity = trajectories.rate(boxes[:, :2], window) * fps
    acceleration = trajectories.rate(velocity, window) * fps
    return np.concatenate([velocity, acceleration], axis=1) / np.maximum(boxes[:, 3:], 1)


def _shape(boxes: np.ndarray) -> np.ndarray:
    """(B, 4): where the box stands (centre of its lower edge, pixels), log width, log height."""
    x, y, width, height = boxes.T
    return np.stack([x, y + height / 2, np.log(np.maximum(width, 1)), np.log(np.maximum(height, 1))], axis=1)


def _halves(scenes: list[str]) -> np.ndarray:
    """(C,) 0 or 1: the first and second half of each scene's clips, in their order; neighbours may be one recording.

    The only clip of a scene is in neither half (-1): it helps to fit both.
    """
    names = np.array(scenes)
    halves = np.full(len(names), -1)
    for scene in np.unique(names):
        own = np.flatnonzero(names == scene)
        if len(own) > 1:
            halves[own] = np.arange(len(own)) >= len(own) / 2
    return halves


def _alarms(densities: _Densities, seen: list[dict], unseen: list[dict], level: float) -> int:
    """How many unseen boxes are as unlikely in shape as the least likely share ``level`` of their scene's seen ones."""
    alarms = 0
    for scene in sorted({b["scene"] for b in unseen}):
        fitted = np.concatenate([densities("shape", b) for b in seen if b["scene"] == scene])
        limit = np.quantile(fitted, 1 - level)
        alarms += sum(int((densities("shape", b) > limit).sum()) for b in unseen if b["scene"] == scene)
    return alarms


def _fit_densities(boxes: list[dict], params: Params, seed: int) -> dict[str, np.ndarray]:
    """The mixtures' arrays: motion, gait, shape of all scenes pooled, shape of each scene."""
    random = np.random.default_rng(seed)
    groups = {name: ([b[name] for b in boxes], params.boxes) for name in ("motion", "gait")}
    groups[f"shape.{POOLED}"] = ([b["shape"] for b in boxes], params.boxes)
    for scene in sorted({b["scene"] for b in boxes}):
        groups[f"shape.{scene}"] = ([b["shape"] for b in boxes if b["scene"] == scene], params.scene_boxes)
    state: dict[str, np.ndarray] = {}
    for name, (parts, most) in groups.items():
        rows = np.concatenate(parts)
        chosen = rows[random.choice(len(rows), min(most, len(rows)), replace=False)]
        components = min(params.components, max(1, len(rows) // BOXES_PER_COMPONENT))
        state |= Mixture.fit(chosen, components, params.regularisation, int(random.integers(2**31))).arrays(name)
    return state
