"""``objects``: foreground objects that are unusually fast, unusually shaped, out of place or look unlike any seen.

Four attributes per object: its speed (one-sided, against the speeds normal at its position), its shape (Gaussian
mixture of height, width and area of its blob, relative to the typical object there), its place (distance to where
objects were seen) and its appearance (distance to training crops in the backbone's pooled features). Each is
calibrated on objects of training clips that its density was not fitted on, and the surprises add up
(``vad.detectors.density.tails``). A frame's score is that of its most surprising object, 0 without objects.

Densities of velocity and appearance over objects: Reiss & Hoshen, "Attribute-based Representations for Accurate and
Interpretable Video Anomaly Detection" (2022); there with detector boxes, poses and CLIP crops.
"""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Literal, NamedTuple, cast

import cv2
import numpy as np
import pandas as pd
import pydantic
from tqdm import tqdm

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.detectors.density.mixture import Mixture
from vad.detectors.density.tails import Tail
from vad.features.backbones import Backbone
from vad.perception import detection
from vad.perception.camera import Camera
from vad.perception.feeding import camera_of
from vad.perception.foreground import USUAL_SIZE, ObjectSize
from vad.perception.sight import Perception
from vad.perception.speed import MOVING, USUAL_SPEED, speed_by_position
from vad.pipeline.errors import CannotFit
from vad.pipeline.params import Section

TITLE = "Objects"
READS = ("frames", "objects")
ROLE = "fit_all"
LABELLED = False
NEEDS_BACKBONE = True
BENCHMARK = {"score": None}

POOLED = "pooled"  # the speeds of a scene that has no training clip
HELD_OUT = 4  # every fourth training clip calibrates
BATCH = 64  # crops per forward pass
MARGIN = 0.1  # of a box's sides, added around it in its crop
PLACES = 2000  # places kept per scene
NEIGHBOURS = 3  # nearest places and nearest crops that a distance is the mean over
SHRINKAGE = 30.0  # objects' worth of trust in the scene's pooled speeds at every position
SHAPE = ["height", "width", "area"]

Attribute = Literal["speed", "shape", "place", "appearance"]
Read = Callable[[int], np.ndarray]  # frame number -> (H, W, 3) uint8 RGB
Pairs = list[tuple[Clip, pd.DataFrame]]  # clips with their objects


class Params(Section):
    """Section ``objects``."""

    attributes: list[Attribute] = pydantic.Field(min_length=1)
    components: int = pydantic.Field(ge=1, le=64)
    crop: int = pydantic.Field(ge=32, le=512)
    layer: Literal["layer1", "layer2", "layer3", "layer4"]
    max_objects: int = pydantic.Field(ge=100, le=1_000_000)


def fit(clips: Sequence[Clip], params: Params, seed: int, backbone: Backbone) -> dict[str, np.ndarray]:
    """The attributes' densities and their tails on held-out objects.

    Returns:
        ``speed.<scene>`` (2, rows, columns); ``place.<scene>`` (P, 2); ``shape.*`` of the mixture; ``appearance``
        (M, D); ``<attribute>.tail.*``.
    """
    found = [(clip, table) for clip in clips if len(table := detection.objects_of(clip))]
    if not found:
        raise CannotFit("nothing moves in the training frames, so that there is no object to learn from")
    calibrating = found[HELD_OUT - 1 :: HELD_OUT] or found
    fitting = [pair for i, pair in enumerate(found) if i % HELD_OUT != HELD_OUT - 1]
    state = _speeds(fitting) | _places(fitting)
    state |= Mixture.fit(_shape(pd.concat([table for _, table in fitting])), params.components, 1e-3, seed).arrays(
        "shape"
    )
    fitting, calibrating = _thin(fitting, params.max_objects), _thin(calibrating, params.max_objects // HELD_OUT)
    measure = Measure(state, params, backbone)
    if "appearance" in params.attributes:
        crops = [
            measure.embed(table, clip.read) for clip, table in tqdm(fitting, desc="fit objects: look", unit="clip")
        ]
        state["appearance"] = np.concatenate(crops)
    looked = tqdm(calibrating, desc="fit objects: calibrate", unit="clip")
    held_out = [measure(camera_of(clip), table, clip.read) for clip, table in looked]
    for name in params.attributes:
        state |= Tail.fit(np.concatenate([values[name] for values in held_out])).arrays(f"{name}.tail")
    return state


def _thin(pairs: Pairs, most: int) -> Pairs:
    """Every so many-th object, so that about ``most`` are left."""
    step = -(-sum(len(table) for _, table in pairs) // most)
    thinned = [(clip, table.iloc[::step]) for clip, table in pairs]
    return [(clip, table) for clip, table in thinned if len(table)]


def _by_scene(pairs: Pairs, points: list[np.ndarray]) -> dict[str, np.ndarray]:
    scenes = sorted({clip.scene for clip, _ in pairs})
    return {
        scene: np.concatenate([own for (clip, _), own in zip(pairs, points, strict=True) if clip.scene == scene])
        for scene in scenes
    }


def _speeds(pairs: Pairs) -> dict[str, np.ndarray]:
    """``speed.<scene>``: normal speeds by position, from the objects that move."""
    points = []
    for clip, table in pairs:
        moving = table[table["speed"] > MOVING]
        points.append(np.column_stack([*_centre(moving, clip.size), np.log(moving["speed"])]))
    scenes = _by_scene(pairs, points)
    every = np.concatenate([*scenes.values(), np.array([[0.5, 0.5, np.log(USUAL_SPEED)]])])
    size = ObjectSize(np.array([USUAL_SIZE[0], 0, USUAL_SIZE[1], 0, 0.5]))
    tables = {scene: speed_by_position(own, every, size, SHRINKAGE) for scene, own in scenes.items()}
    tables[POOLED] = speed_by_position(every[:0], every, size, SHRINKAGE)
    return {f"speed.{scene}": table for scene, table in tables.items()}


def _places(pairs: Pairs) -> dict[str, np.ndarray]:
    """``place.<scene>``: where the feet of objects were seen, at most ``PLACES`` of them, evenly over time."""
    places = _by_scene(pairs, [_feet(table, clip.size) for clip, table in pairs])
    return {f"place.{scene}": own[:: -(-len(own) // PLACES)].astype(np.float32) for scene, own in places.items()}


def _centre(table: pd.DataFrame, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the objects' centres as fractions of the frame."""
    width, height = size
    x1, y1, x2, y2 = detection.arrays(table).T
    return (y1 + y2) / 2 / height, (x1 + x2) / 2 / width


def _feet(table: pd.DataFrame, size: tuple[int, int]) -> np.ndarray:
    """(N, 2) x of the centre and y of the feet, in frame heights."""
    x1, _, x2, y2 = detection.arrays(table).T
    return np.column_stack([(x1 + x2) / 2, y2]) / size[1]


def _shape(table: pd.DataFrame) -> np.ndarray:
    return np.log(detection.arrays(table, SHAPE).astype(np.float64))


class Measure:
    """Measures objects against a state: per attribute one value per object, higher = less like the training objects.

    Args:
        state: the densities, see :func:`fit`; read at each call.
    """

    def __init__(self, state: dict[str, np.ndarray], params: Params, backbone: Backbone) -> None:
        self._state = state
        self._params = params
        self.backbone = copy(backbone)
        self.backbone.image_size = params.crop
        self._references: dict[str, Reference] = {}

    def __call__(self, camera: Camera, table: pd.DataFrame, read: Read) -> dict[str, np.ndarray]:
        """Attribute -> (N,) float64 values of the objects ``table`` that ``camera`` saw; ``read`` gives its frames."""
        return {name: getattr(self, f"_{name}")(camera, table, read) for name in self._params.attributes}

    def _speed(self, camera: Camera, table: pd.DataFrame, read: Read) -> np.ndarray:
        normal = self._state.get(f"speed.{camera.scene}", self._state[f"speed.{POOLED}"])
        row, column = _centre(table, camera.size)
        rows, columns = normal.shape[1:]
        at = np.clip((row * rows).astype(int), 0, rows - 1), np.clip((column * columns).astype(int), 0, columns - 1)
        return np.log(np.maximum(table["speed"].to_numpy(), 1e-3)) - normal[0][at]

    def _shape(self, camera: Camera, table: pd.DataFrame, read: Read) -> np.ndarray:
        return Mixture.from_arrays(self._state, "shape").negative_log_density(_shape(table))

    def _place(self, camera: Camera, table: pd.DataFrame, read: Read) -> np.ndarray:
        """Distance to the nearest places in heights of a typical object; 0 in a scene that was never seen."""
        name = f"place.{camera.scene}"
        if name not in self._state:
            return np.zeros(len(table))
        typical = ((table["y2"] - table["y1"]) / camera.size[1] / table["height"]).to_numpy()
        return _nearest(_feet(table, camera.size), self._reference(name)) / typical

    def _appearance(self, camera: Camera, table: pd.DataFrame, read: Read) -> np.ndarray:
        return _nearest(self.embed(table, read), self._reference("appearance"))

    def _reference(self, name: str) -> "Reference":
        """The state's points of that name, made ready once."""
        points = self._state[name]
        if name not in self._references or self._references[name].points is not points:
            self._references[name] = Reference.of(points)
        return self._references[name]

    def embed(self, table: pd.DataFrame, read: Read) -> np.ndarray:
        """(N, D) float32 unit vectors: the backbone's pooled features of the objects' crops."""
        crops = np.empty((len(table), self._params.crop, self._params.crop, 3), np.uint8)
        shown: tuple[int, np.ndarray] | None = None
        for at, (frame, box) in enumerate(zip(table["frame"].tolist(), detection.arrays(table), strict=True)):
            if shown is None or shown[0] != frame:
                shown = frame, read(frame)
            piece = detection.cut_out(shown[1], box, MARGIN)
            crops[at] = cv2.resize(piece, crops.shape[1:3], interpolation=cv2.INTER_AREA)
        features = [np.empty((0, 1), np.float32)]
        for start in range(0, len(crops), BATCH):
            batch = self.backbone.preprocess(crops[start : start + BATCH])
            features.append(self.backbone.features(batch, [self._params.layer])[0].mean(dim=(2, 3)).cpu().numpy())
        vectors = np.concatenate(features[1:] or features)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


class Reference(NamedTuple):
    """Normal points: (M, D) ``points`` as they are kept, ``double`` in float64, ``squares`` (M,) of their norms."""

    points: np.ndarray
    double: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> "Reference":
        """Make ``points`` ready."""
        double = points.astype(np.float64)
        return cls(points, double, (double**2).sum(1))


def _nearest(points: np.ndarray, reference: Reference) -> np.ndarray:
    """(N,) mean distance of each point, (N, D), to its nearest ``NEIGHBOURS`` of the reference.

    In float64: near a point the sum of squares cancels, and in float32 leaves nothing but how the product was rounded.
    """
    most, points = min(NEIGHBOURS, len(reference.double)), points.astype(np.float64)
    distances = [np.empty(0)]
    for start in range(0, len(points), 1024):
        part = points[start : start + 1024]
        squared = (part**2).sum(1)[:, None] + reference.squares - 2 * part @ reference.double.T
        nearest = np.partition(np.maximum(squared, 0), most - 1, axis=1)[:, :most]
        distances.append(np.sqrt(nearest).mean(axis=1))
    return np.concatenate(distances)


class Detector:
    """The fitted detector."""

    def __init__(self, state: dict[str, np.ndarray], params: Params, backbone: Backbone) -> None:
        self._params = params
        self._measure = Measure(state, params, backbone)
        self._tails = {name: Tail.from_arrays(state, f"{name}.tail") for name in params.attributes if state}

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """Sum of the surprises of each frame's most surprising object.

        Returns:
            (N,) float32; (N, h, w) float16 map, each box filled with its object's score.
        """
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> streaming.OfObjects:
        """Start on one camera; as late as its objects are."""
        pixels = "appearance" in self._params.attributes
        return streaming.OfObjects(perception, self.surprise, pixels)

    @property
    def looks_through(self) -> tuple[Backbone, list[str], int] | None:
        """The backbone that crops go through, the layer that is looked at, the side of a crop; None without looks."""
        if "appearance" not in self._params.attributes or not self._tails:
            return None
        return self._measure.backbone, [self._params.layer], self._params.crop

    def surprise(self, camera: Camera, table: pd.DataFrame, read: Read) -> np.ndarray:
        """(N,) surprise of each object of ``table``, in nats; 0 where no training frame had an object."""
        if table.empty or not self._tails:
            return np.zeros(len(table))
        return cast(np.ndarray, sum(self.surprises(camera, table, read).values()))  # of at least one attribute

    def surprises(self, camera: Camera, table: pd.DataFrame, read: Read) -> dict[str, np.ndarray]:
        """Attribute -> (N,) surprise of each object, in nats."""
        values = self._measure(camera, table, read)
        return {name: tail.surprise(values[name]) for name, tail in self._tails.items()}
