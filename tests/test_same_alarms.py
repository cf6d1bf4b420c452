"""Every graph of a bundle gives the scores that PyTorch gives, and the same alarms, by each engine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import moving_squares as squares
from tests.test_engines import PADIM
from tests.test_object_ae import PARAMS as OBJECT_AE
from tests.test_objects import extracted
from tests.test_padim import Pyramid
from tests.test_stae import PARAMS as STAE
from tests.test_stae import make_clip, make_clips
from vad.data.frames import Clip, ClipWriter
from vad.deploy.alarms import Alarms, Moment, Rules
from vad.detectors import object_ae, objects, padim, prototypes, spade, stae, zeroshot
from vad.features import conse, semantic
from vad.features.backbones import Backbone
from vad.perception import embedding
from vad.perception.feeding import camera_of
from vad.perception.scene import Scene
from vad.perception.sight import Perception, Sight, View
from vad.post_processing.calibration import quantile

ENGINES = ("torch", "onnxruntime", "openvino")
RULES = Rules(threshold=0.8, least_seconds=0, merge_seconds=0.3)
OBJECTS = objects.Params(attributes=["appearance"], components=2, crop=32, layer="layer2", max_objects=400)
SPADE = spade.Params(
    pooled_layer="layer2",
    layers=["layer1"],
    grid=4,
    neighbours=3,
    gallery=40,
    gallery_neighbours=5,
    pixel_neighbours=2,
    per_scene=True,
    frame_score="pooled",
)
Score = Callable[[Clip], np.ndarray]
Make = Callable[[str, Path], Score]


def backbone() -> Backbone:
    return Backbone(Pyramid(), {"layer1": "first", "layer2": "second"}, (0.5,) * 3, (0.5,) * 3, image_size=64)


def by(engine: str, folder: Path, names: list[str], side: int = 64) -> Backbone:
    """The backbone, run by ``engine`` through its graph."""
    plain = backbone()
    if engine == "torch":
        return plain
    plain.export(names, side, folder / "network0.onnx")
    return plain.run_by(engine, folder / "network0.onnx", names, side)


def of_padim(training: list[Clip]) -> Make:
    state = padim.fit(training, PADIM, 0, backbone())

    def make(engine: str, folder: Path) -> Score:
        detector = padim.Detector(state, PADIM, by(engine, folder, ["layer1", "layer2", "logits"]))
        if engine != "torch":
            detector.export(folder / "head.onnx")
            detector.run_by(engine, folder / "head.onnx")
        return lambda clip: detector.score(clip)[0]

    return make


def of_spade(training: list[Clip]) -> Make:
    state = spade.fit(training, SPADE, 0, backbone())
    return lambda engine, folder: (
        lambda clip: spade.Detector(state, SPADE, by(engine, folder, ["layer1", "layer2"])).score(clip)[0]
    )


def of_crops(training: list[Clip]) -> Make:
    state = objects.fit(training, OBJECTS, 0, backbone())
    return lambda engine, folder: (
        lambda clip: objects.Detector(state, OBJECTS, by(engine, folder, ["layer2"], OBJECTS.crop)).score(clip)[0]
    )


def of_object_ae(training: list[Clip]) -> Make:
    state = object_ae.fit(training, OBJECT_AE, 0)

    def make(engine: str, folder: Path) -> Score:
        detector = object_ae.Detector(state, OBJECT_AE)
        if engine != "torch":
            detector.export(folder / "head.onnx")
            detector.run_by(engine, folder / "head.onnx")
        return lambda clip: detector.score(clip)[0]

    return make


class Posterior(conse.Conse):
    """The encoder over three labels."""

    def __init__(self, classifier: Backbone) -> None:
        params = semantic.Params(
            name="conse", model="-", pretrained="-", backbone="efficientnet_lite0", image_size=64, labels=3, crops=1
        )
        super().__init__(params, np.eye(3, dtype=np.float32), classifier)


def seen(detector: prototypes.Detector | zeroshot.Detector, clip: Clip, encoder: Posterior) -> np.ndarray:
    """Scores as a camera's, whose frames are embedded as they come."""
    perception = Perception(camera_of(clip))
    embedding.give(perception, embedding.Encoded(encoder, perception))
    stream = detector.stream(perception)
    views = [View(int(frame), clip.read(int(frame))) for frame in clip.frames]
    return np.array([one.score for view in views for one in stream.push(Sight([view]))])


def of_prototypes(training: list[Clip]) -> Make:
    params = prototypes.Params(k=3, score="ensemble", top_k=2, inner_folds=2)
    clip = training[0]
    x = Posterior(backbone()).encode_images(np.stack([clip.read(int(frame)) for frame in clip.frames]))
    labels = (np.arange(len(x)) >= len(x) // 2).astype(np.int8)
    detector = prototypes.Detector(prototypes.fit([replace(clip, embeddings=x, labels=labels)], params, 0), params)
    return lambda engine, folder: lambda one: seen(detector, one, Posterior(by(engine, folder, ["logits"])))


def of_zeroshot(training: list[Clip]) -> Make:
    prompts = zeroshot.Params(normal=["a"], abnormal=["b"], templates=["{}"], temperature=0.05)
    detector = zeroshot.Detector({"text": np.eye(3)[:2]}, prompts)
    return lambda engine, folder: lambda one: seen(detector, one, Posterior(by(engine, folder, ["logits"])))


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Clip], Clip]:
    """Training clips, and one to judge: what moves in them, on pictures that are all unlike.

    Between pictures that are nearly the same, distances are of float32's rounding, and so of the engine.
    """
    folder = tmp_path_factory.mktemp("clips")
    clips = [squares.clip(folder, f"t{i}", 1.0 + 0.1 * i) for i in range(3)]
    scene = Scene.learn(clips, 240)
    found = [extracted(one, scene) for one in (*clips, squares.clip(folder, "run", 6.0))]
    random = np.random.default_rng(0)
    for number, one in enumerate(found):
        path = folder / f"noise{number}.zip"
        with ClipWriter(path, 95) as writer:
            for frame in one.frames:
                coarse = random.integers(0, 256, (6, 8, 3)).astype(np.uint8)
                writer.add(int(frame), cv2.resize(coarse, one.size, interpolation=cv2.INTER_NEAREST))
        found[number] = replace(one, path=path)
    return found[:3], found[3]


def alarms(scores: np.ndarray, normal: np.ndarray, clip: Clip) -> list[tuple[float, float]]:
    """When each begins and ends, by the rules of a camera."""
    own, found = Alarms("gate", RULES), []
    for frame, calibrated in zip(clip.frames, quantile(scores, normal), strict=True):
        found += own.push(Moment(frame / clip.fps, float(calibrated)))
    return [(one.after.start, one.after.end) for one in [*found, *own.close()] if one.type == "end"]


def compare(make: Make, clip: Clip, folder: Path) -> None:
    found = {}
    for engine in ENGINES:
        (folder / engine).mkdir()
        found[engine] = make(engine, folder / engine)(clip).astype(np.float64)
    plain = found["torch"]
    expected = alarms(plain, plain, clip)
    assert expected
    for engine in ENGINES[1:]:
        np.testing.assert_allclose(found[engine], plain, rtol=1e-4, atol=1e-6)
        assert alarms(found[engine], plain, clip) == expected


@pytest.mark.parametrize("of", [of_padim, of_spade, of_crops, of_object_ae, of_prototypes, of_zeroshot])
def test_engines_give_the_same_scores_and_alarms(of, walks: tuple[list[Clip], Clip], tmp_path: Path) -> None:
    training, clip = walks
    compare(of(training), clip, tmp_path)


def test_engines_give_the_same_scores_and_alarms_of_stae(tmp_path: Path) -> None:
    state = stae.fit(make_clips(tmp_path), STAE, seed=0)

    def make(engine: str, folder: Path) -> Score:
        detector = stae.Detector(state, STAE)
        if engine != "torch":
            detector.export(folder / "head.onnx")
            detector.run_by(engine, folder / "head.onnx")
        return lambda clip: detector.score(clip)[0]

    compare(make, make_clip(tmp_path, "01_007", frames=60, large_from=30), tmp_path)
