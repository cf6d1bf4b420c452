"""``object_ae``: objects that fall outside every cluster of normal objects, in the codes of three small autoencoders.

Ionescu et al., "Object-centric Auto-encoders and Dummy Anomalies for Abnormal Event Detection in Video" (CVPR 2019):
one convolutional autoencoder sees an object's gray crop, two see how the crop changes from and to the frames a few
before and after; k-means parts the normal objects, by the three codes together, into clusters, and for the classifier
of each cluster the others are dummy anomalies. An object that no one-versus-rest classifier accepts is abnormal: its
score is minus the highest of the classifiers' scores. A frame scores as its most abnormal object.

Where k-means ends depends on where it starts, and by the last bits of its input: one clustering alone moved the AUC on
campus-sim by up to 0.08. So several are made from different starts, and an object's scores by them are averaged.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pydantic
import torch
from sklearn.cluster import KMeans
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits
from torch import nn
from tqdm import tqdm

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.detectors.streaming import Judged
from vad.features import engines
from vad.perception import detection
from vad.perception.sight import Perception, Sight
from vad.pipeline import stage
from vad.pipeline.errors import CannotFit
from vad.pipeline.params import Section

TITLE = "Object autoencoder"
READS = ("frames", "objects")
ROLE = "fit_all"
LABELLED = False

MARGIN = 0.1  # of a box's sides, added around it in its crop
VIEWS = 3  # the crop, its change since before, its change until after
CHANGE_GAIN = 2.0  # changes are small beside gray levels
BATCH = 64
POOLING = 8  # a code has one cell per so many pixels


class Params(Section):
    """Section ``object_ae``."""

    crop: int = pydantic.Field(ge=16, le=256, multiple_of=POOLING)
    channels: int = pydantic.Field(ge=4, le=256)
    offset: int = pydantic.Field(ge=1, le=50)
    steps: int = pydantic.Field(ge=1, le=1_000_000)
    learning_rate: float = pydantic.Field(gt=0, lt=1)
    clusters: int = pydantic.Field(ge=2, le=100)
    clusterings: int = pydantic.Field(ge=1, le=100)
    regularisation: float = pydantic.Field(gt=0, le=1e6)
    max_objects: int = pydantic.Field(ge=100, le=1_000_000)


def fit(clips: Sequence[Clip], params: Params, seed: int) -> dict[str, np.ndarray]:
    """Encoders, clusters' classifiers and the score of the most normal training object.

    Returns:
        ``encoder<view>.*`` tensors; ``mean`` and ``deviation`` (D,) of the codes; ``weights`` (R, K, D) and ``bias``
        (R, K) of the classifiers of R clusterings; ``least``: the lowest training score.

    Raises:
        CannotFit: there are no more training objects than clusters.
    """
    found = [(clip, table) for clip in clips if len(table := detection.objects_of(clip))]
    step = -(-sum(len(table) for _, table in found) // params.max_objects)
    thinned = [(clip, table.iloc[::step]) for clip, table in found]
    crops = np.concatenate(
        [np.empty((0, VIEWS, params.crop, params.crop), np.uint8)]
        + [
            stored_views(clip, table, params)
            for clip, table in tqdm(thinned, desc="fit object_ae: crops", unit="clip")
            if len(table)
        ]
    )
    if len(crops) <= params.clusters:
        raise CannotFit(
            f"{len(crops)} objects in the training frames do not make {params.clusters} clusters: "
            "add training clips, or lower object_ae.clusters"
        )
    encoders = [_train(crops[:, view : view + 1], params, seed, view) for view in range(VIEWS)]
    codes = encode(encoders, crops)
    mean, deviation = codes.mean(axis=0), np.maximum(codes.std(axis=0), 1e-3)
    codes = (codes - mean) / deviation
    with threadpool_limits(1):  # sums over threads come in any order
        several = [_classifiers(codes, params, seed + number) for number in range(params.clusterings)]
    weights, bias = (np.stack(arrays).astype(np.float32) for arrays in zip(*several, strict=True))
    state = {"mean": mean, "deviation": deviation, "weights": weights, "bias": bias}
    state["least"] = np.float32(abnormality(codes, weights, bias).min())
    for view, encoder in enumerate(encoders):
        state |= {f"encoder{view}.{name}": tensor.cpu().numpy() for name, tensor in encoder.state_dict().items()}
    return {name: np.asarray(array, np.float32) for name, array in state.items()}


def _classifiers(codes: np.ndarray, params: Params, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (K, D) and biases (K,) of the clusters' one-versus-rest classifiers, for one start of k-means."""
    cluster = KMeans(params.clusters, n_init=1, random_state=seed).fit_predict(codes)
    classifier = LinearSVC(C=params.regularisation, random_state=seed).fit(codes, cluster)
    weights, bias = np.atleast_1d(classifier.coef_), np.atleast_1d(classifier.intercept_)
    if len(weights) == 1:  # of two clusters, scikit-learn keeps one classifier
        weights, bias = np.concatenate([-weights, weights]), np.concatenate([-bias, bias])
    rows = np.minimum(np.arange(params.clusters), len(weights) - 1)  # fewer were found: the last stands again
    return weights[rows], bias[rows]


def encoder(channels: int) -> nn.Sequential:
    """(B, 1, S, S) -> (B, channels, S / POOLING, S / POOLING): three convolutions, each followed by max pooling."""
    layers: list[nn.Module] = []
    for inputs in (1, channels, channels):
        layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def decoder(channels: int) -> nn.Sequential:
    """The encoder's mirror image, with nearest-neighbour upsampling."""
    layers: list[nn.Module] = []
    for _ in range(3):
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)]
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1))


def _train(crops: np.ndarray, params: Params, seed: int, view: int) -> nn.Sequential:
    """An encoder trained, with a decoder that is then dropped, to reconstruct (N, 1, S, S) uint8 crops."""
    torch.manual_seed(seed + view)
    order = np.random.default_rng(seed + view)
    encode_, decode = (_placed(net(params.channels)) for net in (encoder, decoder))
    optimiser = torch.optim.Adam([*encode_.parameters(), *decode.parameters()], lr=params.learning_rate)
    with tqdm(range(params.steps), desc=f"fit object_ae: view {view + 1} of {VIEWS}", unit="step") as bar:
        for _ in bar:
            batch = _tensor(crops[order.integers(len(crops), size=BATCH)])
            loss = nn.functional.mse_loss(decode(encode_(batch)), batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
    return encode_.eval()


def _tensor(crops: np.ndarray) -> torch.Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(crops))
    return pixels.to(stage.device(), memory_format=torch.channels_last).float() / 255


def _placed(net: nn.Sequential) -> nn.Sequential:
    """On the stage's device, channels last: a third faster on a CPU."""
    return net.to(stage.device(), memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it


class Encoders(nn.ModuleList):
    """The views' encoders as one network: what an engine can run."""

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """(N, VIEWS, S, S), 0 to 1 -> (N, D) codes, the views' one after the other."""
        return torch.cat([net(crops[:, view : view + 1]).flatten(1) for view, net in enumerate(self)], dim=1)


@torch.no_grad()
def encode(encoders: Sequence[nn.Module], crops: np.ndarray) -> np.ndarray:
    """(N, VIEWS, S, S) uint8 -> (N, D) float32 codes."""
    network = Encoders(encoders)
    batches = (_tensor(crops[start : start + BATCH]) for start in range(0, len(crops), BATCH))
    return np.concatenate([network(batch).cpu().numpy() for batch in batches])


def abnormality(codes: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(N,) minus the highest score that a cluster's classifier gives each of (N, D) standardised codes.

    Averaged over the R clusterings of ``weights`` (R, K, D) and ``bias`` (R, K).
    """
    return -np.mean([(codes @ w.T + b).max(axis=1) for w, b in zip(weights, bias, strict=True)], axis=0)


def views(table: pd.DataFrame, near: Callable[[int], Sequence[np.ndarray]], params: Params) -> np.ndarray:
    """(N, VIEWS, S, S) uint8 of each object: its gray crop, and by how much the same place changes to and from it.

    Args:
        near: frame number -> three (H, W) uint8 gray frames: that one, one before and one after it.
    """
    out = np.empty((len(table), VIEWS, params.crop, params.crop), np.uint8)
    side = (params.crop, params.crop)
    at = 0
    for frame, own in table.groupby("frame", sort=True):
        now, before, after = near(int(frame))
        layers = [now, *(cv2.convertScaleAbs(cv2.absdiff(now, other), alpha=CHANGE_GAIN) for other in (before, after))]
        for box in own[["x1", "y1", "x2", "y2"]].to_numpy():
            for view, layer in enumerate(layers):
                out[at, view] = cv2.resize(detection.cut_out(layer, box, MARGIN), side, interpolation=cv2.INTER_AREA)
            at += 1
    return out


def stored_views(clip: Clip, table: pd.DataFrame, params: Params) -> np.ndarray:
    """:func:`views` of a clip's objects; frames beyond its ends are replaced by its first or last."""
    last = len(clip.stored) - 1
    images: dict[int, np.ndarray] = {}

    def near(frame: int) -> list[np.ndarray]:
        nonlocal images
        position = int(np.searchsorted(clip.stored, frame))
        wanted = [min(max(position + step, 0), last) for step in (0, -params.offset, params.offset)]
        span = range(min(wanted), max(wanted) + 1)
        images = {p: images[p] if p in images else clip.read_gray(clip.stored[p]) for p in span}
        return [images[p] for p in wanted]

    return views(table, near, params)


class Detector:
    """The fitted detector."""

    def __init__(self, state: dict[str, np.ndarray], params: Params) -> None:
        self._state = state
        self._params = params
        self._encoders = []
        for view in range(VIEWS if state else 0):
            net = encoder(params.channels)
            prefix = f"encoder{view}."
            tensors = {k.removeprefix(prefix): torch.from_numpy(a) for k, a in state.items() if k.startswith(prefix)}
            net.load_state_dict(tensors)
            self._encoders.append(_placed(net).eval())
        self._codes: Callable[[np.ndarray], np.ndarray] = partial(encode, self._encoders)

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """Score of each frame's most abnormal object, counted from that of the most normal training object.

        Returns:
            (N,) float32, 0 without objects; (N, h, w) float16 map, each box filled with its object's score.
        """
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> "Stream":
        """Start on one camera; later than its objects by the time after which a crop's change is seen."""
        return Stream(perception, self._params, self.abnormality)

    def abnormality(self, crops: np.ndarray) -> np.ndarray:
        """(N, VIEWS, S, S) uint8, see :func:`views`, -> (N,) float32 scores."""
        if not len(crops):
            return np.zeros(0, np.float32)
        codes = (self._codes(crops) - self._state["mean"]) / self._state["deviation"]
        scores = abnormality(codes, self._state["weights"], self._state["bias"]) - self._state["least"]
        return np.maximum(scores, 0)

    def export(self, path: Path) -> None:
        """Write the encoders as an ONNX graph, from crops to their codes."""
        crops = _tensor(np.zeros((2, VIEWS, self._params.crop, self._params.crop), np.uint8))
        engines.export(Encoders(self._encoders), {"crops": crops}, ["codes"], ["crops", "codes"], path)

    def run_by(self, engine: str, path: Path) -> None:
        """Have an engine compute the codes from now on, by the graph that :meth:`export` wrote."""
        run = engines.load(path, engine)
        self._codes = lambda crops: run({"crops": crops.astype(np.float32) / 255})["codes"]


class Stream:
    """One camera's frames; holds the gray frames around those whose objects are not judged yet."""

    pixels = True

    def __init__(self, perception: Perception, params: Params, abnormality: Callable[[np.ndarray], np.ndarray]) -> None:
        self._camera, self._params, self._abnormality = perception.camera, params, abnormality
        self._objects = detection.of(perception)
        self.latency = max(self._objects.latency, params.offset)
        self.past = max(self._objects.past, params.offset)
        self._grays: deque[tuple[int, np.ndarray]] = deque(maxlen=self.latency + params.offset + BATCH)
        self._waiting: list[int] = []
        self._tables: list[pd.DataFrame] = []

    def push(self, sight: Sight) -> list[Judged]:
        """The frames whose objects are known and that have been followed by enough others."""
        self._grays.extend((view.frame, view.gray) for view in sight.views)
        found, table = self._objects(sight)
        self._waiting += [view.frame for view in found]
        self._tables.append(table)
        order = [frame for frame, _ in self._grays]
        seen = set(order if sight.last else order[: len(order) - self._params.offset])
        ready = [frame for frame in self._waiting if frame in seen]
        if not ready:
            return []
        self._waiting = self._waiting[len(ready) :]
        table = pd.concat(self._tables, ignore_index=True)
        now = table["frame"] <= ready[-1]
        self._tables = [table[~now]]
        scores = self._abnormality(views(table[now], partial(self._near, order), self._params))
        values, maps = detection.frame_scores(self._camera.size, np.array(ready), table[now], scores)
        return [Judged(*one) for one in zip(ready, values, maps, strict=True)]

    def _near(self, order: list[int], frame: int) -> list[np.ndarray]:
        position = bisect_left(order, frame)
        steps = (0, -self._params.offset, self._params.offset)
        return [self._grays[min(max(position + step, 0), len(order) - 1)][1] for step in steps]
