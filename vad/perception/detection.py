"""Objects of every frame, found once for all detectors that look at objects.

``data/objects/<clip>.parquet``, one row per object: frame; x1, y1, x2, y2 in stored pixels; speed of its fastest part
in body heights per second, with its direction vx, vy (x to the right, y down); height and width relative to the
typical object at that row, and the foreground area of the whole blob it belongs to relative to the typical box.

By default objects are foreground blobs (``vad.perception.foreground``), larger ones cut into pieces of about the
typical size, since people who overlap make one blob. With ``fasterrcnn`` they are the boxes of torchvision's COCO
detector.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
import pandas as pd
import pydantic

from vad.data.frames import Clip
from vad.perception.camera import Camera
from vad.perception.feeding import begun, camera_of, parallel, sights
from vad.perception.flow import AveragedFlow
from vad.perception.foreground import ObjectSize, blobs, mask
from vad.perception.scene import Scene
from vad.perception.sight import CELL, Perception, Sight, View, working_size
from vad.perception.speed import Windows
from vad.perception.trajectories import BOX
from vad.pipeline import artifacts, stage
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

COLUMNS = ["frame", *BOX, "speed", "vx", "vy", "height", "width", "area"]
CUT = 1.6  # a blob more than so many times the typical size is cut
LEAST_BLOB = 0.08  # of the typical box: smaller blobs are rims of shadows
LEAST_PIECE = 0.15  # of the typical box: smaller pieces are rims
MAP_HEIGHT = 240  # working height of the maps, which have one value per cell of the flow grid
SAME_SHAPE = 0.1  # by which a picture's aspect may differ from the scene's
CONFIDENCE = 0.5  # least score of a detected box


class Params(Section):
    """Section ``extract_objects``."""

    detector: Literal["foreground", "fasterrcnn"]
    height: int = pydantic.Field(ge=64, le=1080)
    window: float = pydantic.Field(ge=0, le=4)
    max_fit_frames: int = pydantic.Field(ge=100, le=1_000_000)


def detect(clip: Clip, scene: Scene, params: Params) -> pd.DataFrame:
    """The objects of each of ``clip.frames``: ``COLUMNS``, by frame."""
    finder = Finder(Perception(camera_of(clip)), scene, params)
    tables = [finder(sight)[1] for sight in sights(clip, finder.past, finder.latency)]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


class Finder:
    """The objects of a camera, found once for all who look at objects.

    Attributes:
        latency: a view's objects come when so many later ones were seen; past: how many earlier ones they depend on.
    """

    def __init__(self, perception: Perception, scene: Scene, params: Params) -> None:
        self._scene, self._params = scene, params
        self._height = perception.camera.size[1]
        check_shape(perception.camera, *scene.background.image.shape[:2])
        self._flow = AveragedFlow(perception, params.height, params.window * scene.passing)
        self._windows: Windows | None = None
        self._begun: dict[int, Future[tuple[np.ndarray, np.ndarray]]] = {}
        self.latency, self.past = self._flow.latency, self._flow.past

    def __call__(self, sight: Sight) -> tuple[list[View], pd.DataFrame]:
        """The wanted views that are complete now, and their objects: ``COLUMNS``, by frame."""
        return sight.once((self, "objects"), lambda: self._find(sight))

    def begin(self, sight: Sight) -> None:
        """Look for the boxes of a live camera's frame on another core while its flow is computed on this one."""
        for view in sight.wanted:
            view.working(self._params.height)  # which both share
            if (future := begun(find, view, self._scene, self._params)) is not None:
                self._begun[view.frame] = future

    def _boxes(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        future = self._begun.pop(view.frame, None)
        return find(view, self._scene, self._params) if future is None else future.result()

    def _find(self, sight: Sight) -> tuple[list[View], pd.DataFrame]:
        done = self._flow.push(sight)
        found = parallel(lambda pair: self._boxes(pair[0]), done)
        rows = [np.empty((0, len(COLUMNS)))]
        for (view, flow), (boxes, area) in zip(done, found, strict=True):
            self._windows = self._windows or Windows(flow.shape[:2], self._scene.size)
            described = _describe(boxes, area, flow, self._windows, self._scene.size)
            rows.append(np.column_stack([np.full(len(described), view.frame), described]))
        values = np.concatenate(rows)
        values[:, 1:5] *= self._height
        return [view for view, _ in done], _table(values)


def check_shape(camera: Camera, rows: int, columns: int) -> None:
    """Refuse a camera whose pictures are not shaped as those, ``rows`` by ``columns``, from which its scene was learnt.

    Raises:
        UserError: they are not.
    """
    width, height = camera.size
    if abs(width / height / (columns / rows) - 1) > SAME_SHAPE:
        raise UserError(
            f"{camera.name}: a picture of {width}x{height} is not shaped like those from which "
            f"scene '{camera.scene}' was learnt ({columns}x{rows}): name another scene"
        )


_MEASURED = pd.Index(COLUMNS[1:])


def arrays(table: pd.DataFrame, columns: Sequence[str] = BOX) -> np.ndarray:
    """(N, len(columns)) of ``table``: choosing several columns at once takes pandas half a millisecond."""
    return np.column_stack([table[name].to_numpy() for name in columns])


class Stored:
    """The objects that ``extract_objects`` found in a clip."""

    latency = past = 0

    def __init__(self, clip: Clip) -> None:
        self._clip = clip

    @cached_property
    def _table(self) -> pd.DataFrame:
        return objects_of(self._clip)

    def __call__(self, sight: Sight) -> tuple[list[View], pd.DataFrame]:
        """The wanted views, and their objects: ``COLUMNS``, by frame."""
        frames = [view.frame for view in sight.wanted]
        return sight.wanted, self._table[self._table["frame"].isin(frames)]


def of(perception: Perception) -> Finder | Stored:
    """What finds the camera's objects; whoever opens the streams has put it there by :func:`give`."""

    def missing() -> None:
        raise UserError(
            f"{perception.camera.name}: a detector looks at objects, but scene '{perception.camera.scene}' was not "
            "fitted: give a sample of its normal video"
        )

    return perception.once("objects", missing)


def known(perception: Perception) -> "Finder | Stored | None":
    """What finds the camera's objects, where something was put there."""
    try:
        return of(perception)
    except UserError:
        return None


def give(perception: Perception, source: Finder | Stored) -> None:
    """Have the camera's streams take objects from ``source``."""
    perception.once("objects", lambda: source)


def _table(values: np.ndarray) -> pd.DataFrame:
    """(N, 11) -> ``COLUMNS``, typed while it is made: pandas takes milliseconds to do so afterwards."""
    table = pd.DataFrame(values[:, 1:].astype(np.float32), columns=_MEASURED)
    table.insert(0, "frame", values[:, 0].astype(np.int64))
    return table


def find(view: View, scene: Scene, params: Params) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) of one frame in frame heights and the area (N,) of their blobs in squared frame heights."""
    if params.detector == "fasterrcnn":
        boxes = _coco_boxes(view.image) / view.image.shape[0]
        return boxes, (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    image, size = view.working(params.height), scene.background.image.shape[1::-1]
    stretch = (image.shape[1] / image.shape[0]) / (size[0] / size[1])
    if image.shape[1::-1] != size:  # the scene was learnt from frames of another size
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    found = mask(image.astype(np.float32), scene.background)
    whole, labels = blobs(found)
    pieces = [piece for i, blob in enumerate(whole) for piece in _cut(blob, labels, i + 1, scene.size)]
    boxes, area = np.split(np.array(pieces, np.float64).reshape(-1, 5), [4], axis=1)
    boxes[:, [0, 2]] *= stretch
    return boxes, area[:, 0] * stretch


def _cut(blob: np.ndarray, labels: np.ndarray, label: int, size: ObjectSize) -> Iterator[list[float]]:
    """A blob as [x1, y1, x2, y2, area of the whole], cut evenly into boxes of about the typical size if it is larger.

    Args:
        blob: (5,) x1, y1, x2, y2, area in working pixels; labels: (h, w), ``label`` at its pixels.
    """
    rows = len(labels)
    x1, y1, x2, y2, area = blob
    height, width = (float(side) * rows for side in size.at((y1 + y2) / 2 / rows))
    if area < LEAST_BLOB * height * width:
        return
    across, down = (
        1 if length < CUT * usual else round(length / usual) for length, usual in ((x2 - x1, width), (y2 - y1, height))
    )
    edges_x, edges_y = (
        np.linspace(x1, x2, across + 1).round().astype(int),
        np.linspace(y1, y2, down + 1).round().astype(int),
    )
    for top, bottom in pairwise(edges_y):
        for left, right in pairwise(edges_x):
            part = labels[top:bottom, left:right] == label
            if across * down > 1 and part.sum() < LEAST_PIECE * height * width:
                continue
            y, x = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
            box = np.array([left + x[0], top + y[0], left + x[-1] + 1, top + y[-1] + 1]) / rows
            yield [*box, area / rows**2]


def _describe(boxes: np.ndarray, area: np.ndarray, flow: np.ndarray, windows: Windows, size: ObjectSize) -> np.ndarray:
    """(N, 10) of one frame's boxes: ``COLUMNS`` after the first, boxes still in frame heights."""
    rows, columns = flow.shape[:2]
    speed = windows.speed(flow)
    fastest, velocity = np.zeros(len(boxes)), np.zeros((len(boxes), 2))
    for i, box in enumerate(boxes):
        # Windows reach beyond the box: only those centred in its inner half count as its own.
        (x1, y1), (x2, y2) = box[:2] * 0.75 + box[2:] * 0.25, box[:2] * 0.25 + box[2:] * 0.75
        left, top = min(int(x1 * rows), columns - 1), min(int(y1 * rows), rows - 1)
        inner = slice(top, max(top + 1, int(np.ceil(y2 * rows)))), slice(left, max(left + 1, int(np.ceil(x2 * rows))))
        at = np.unravel_index(speed[inner].argmax(), speed[inner].shape)
        fastest[i] = speed[inner][at]
        velocity[i] = flow[inner][at] / max(1e-6, float(np.hypot(*flow[inner][at]))) * fastest[i]
    x1, y1, x2, y2 = boxes.T
    height, width = size.at((y1 + y2) / 2)
    relative = (y2 - y1) / height, (x2 - x1) / width, area / (height * width)
    return np.column_stack([boxes, fastest, velocity, *relative])


def _coco_boxes(image: np.ndarray) -> np.ndarray:
    """(N, 4) x1, y1, x2, y2 in pixels of whatever COCO classes are found in an RGB image."""
    import torch

    with torch.inference_mode():
        tensor = torch.from_numpy(image).permute(2, 0, 1).to(stage.device()) / 255
        found = _coco_detector()([tensor])[0]
    return found["boxes"][found["scores"] > CONFIDENCE].cpu().numpy().astype(np.float64)


@cache
def _coco_detector() -> "torch.nn.Module":
    from torchvision.models import detection

    weights = detection.FasterRCNN_MobileNet_V3_Large_FPN_Weights.DEFAULT
    try:
        model = detection.fasterrcnn_mobilenet_v3_large_fpn(weights=weights)
    except Exception as error:  # torch.hub raises whatever its transport raises
        log.debug("download failed", exc_info=True)
        raise UserError(
            f"the weights of fasterrcnn could not be downloaded from {weights.url} ({type(error).__name__}): "
            "go online, or set extract_objects.detector=foreground"
        ) from None
    return model.eval().to(stage.device())


def with_objects(clips: Sequence[Clip], folder: Path) -> list[Clip]:
    """The same clips with the objects that ``extract_objects`` found; clips that were not looked at have none.

    Raises:
        UserError: no objects were extracted.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is missing: run 'dvc repro extract_objects'")
    none = pd.DataFrame(columns=COLUMNS, dtype=np.float32).astype({"frame": np.int64})
    files = [folder / f"{clip.name}.parquet" for clip in clips]
    tables = [artifacts.load_table(file) if file.exists() else none for file in files]
    return [replace(clip, objects=table) for clip, table in zip(clips, tables, strict=True)]


def objects_of(clip: Clip) -> pd.DataFrame:
    """The objects in ``clip.frames``: ``COLUMNS``."""
    assert clip.objects is not None, f"{clip.name} came without its objects"
    return clip.objects[clip.objects["frame"].isin(clip.frames)].reset_index(drop=True)


def cut_out(image: np.ndarray, box: np.ndarray, margin: float) -> np.ndarray:
    """The part of ``image`` within a box x1, y1, x2, y2 and ``margin`` of its sides around it; at least one pixel."""
    width, height = box[2] - box[0], box[3] - box[1]
    rows, columns = image.shape[:2]
    left, top = max(0, int(box[0] - margin * width)), max(0, int(box[1] - margin * height))
    right, bottom = (
        min(columns, int(np.ceil(box[2] + margin * width))),
        min(rows, int(np.ceil(box[3] + margin * height))),
    )
    left, top = min(left, columns - 1), min(top, rows - 1)
    return image[top : max(bottom, top + 1), left : max(right, left + 1)]


def frame_scores(
    size: tuple[int, int], numbers: np.ndarray, table: pd.DataFrame, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Frame scores and maps from the (N,) non-negative ``scores`` of the objects in ``table``.

    Args:
        size: (width, height) of the frames in pixels; numbers: (F,) ascending frame numbers, which hold the table's.

    Returns:
        (F,) float32, the highest score of each frame's objects, 0 without objects; (F, h, w) float16, each box filled
        with the highest score of the objects that cover it.
    """
    frames = np.zeros(len(numbers), np.float32)
    width, height = (side // CELL for side in working_size(size, MAP_HEIGHT))
    maps = np.zeros((len(frames), height, width), np.float16)
    at = np.searchsorted(numbers, table["frame"])
    np.maximum.at(frames, at, scores.astype(np.float32))
    cells = arrays(table) / np.array(size * 2) * [width, height, width, height]
    first, last = np.floor(cells[:, :2]).astype(int), np.ceil(cells[:, 2:]).astype(int)
    for frame, (left, top), (right, bottom), score in zip(at, first, last, scores, strict=True):
        part = maps[frame, max(top, 0) : bottom, max(left, 0) : right]
        np.maximum(part, np.float16(score), out=part)
    return frames, maps
