"""Every detector says the same of a stored clip and of its frames one by one, and shares what is costly."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from tests import moving_squares as squares
from tests.test_objects import FOUND, extracted
from tests.test_padim import Pyramid
from vad.data.frames import Clip
from vad.detectors import gradcam, motion, object_ae, objects, padim, prototypes, spade, streaming, zeroshot
from vad.features.backbones import Backbone
from vad.features.semantic import Encoder, unit
from vad.perception import detection, embedding, flow
from vad.perception.feeding import camera_of, sights
from vad.perception.scene import Scene
from vad.perception.sight import Perception, Sight, View

MOTION = motion.Params(height=240, window=0.5, max_fit_frames=200, shrinkage=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def walk(folder: Path) -> Clip:
    return squares.clip(folder, "walk", 1.2)


@pytest.fixture(scope="module")
def fast_walker(folder: Path) -> motion.Detector:
    return motion.Detector(motion.fit([squares.clip(folder, "t", 1.0)], MOTION, seed=0), MOTION)


@pytest.fixture(scope="module")
def scene(folder: Path) -> Scene:
    return Scene.learn([squares.clip(folder, f"learn{i}", 1.0 + 0.1 * i) for i in range(3)], 240)


@pytest.fixture(scope="module")
def training(folder: Path, scene: Scene) -> list[Clip]:
    return [extracted(squares.clip(folder, f"train{i}", 1.0 + 0.1 * i), scene) for i in range(4)]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone(Pyramid(), {"layer1": "first", "layer2": "second"}, (0.5,) * 3, (0.5,) * 3, image_size=64)


def looked_at(clip: Clip, scene: Scene | None = None, encoder: Encoder | None = None) -> Perception:
    """A live camera's perception: objects are found and frames embedded as they come."""
    perception = Perception(camera_of(clip))
    if scene is not None:
        detection.give(perception, detection.Finder(perception, scene, FOUND))
    if encoder is not None:
        embedding.give(perception, embedding.Encoded(encoder, perception))
    return perception


def live(detector: streaming.Streaming, clip: Clip, perception: Perception) -> list[tuple[int, streaming.Judged]]:
    """Each frame as it was judged, with the number of the frame that had just been pushed."""
    stream = detector.stream(perception)
    judged = []
    for frame in clip.stored:
        judged += [(int(frame), one) for one in stream.push(Sight([View(int(frame), clip.read(frame))]))]
    return judged + [(int(clip.stored[-1]), one) for one in stream.push(Sight([], last=True))]


def same(detector: streaming.Streaming, clip: Clip, perception: Perception, tolerance: float = 0.0) -> np.ndarray:
    """The clip's scores, where offline and streamed ones, and maps, are within ``tolerance``; latency as stated."""
    scores, maps = detector.score(clip)
    assert np.ptp(scores) > 0
    streamed = live(detector, clip, perception)
    assert [one.frame for _, one in streamed] == list(clip.frames)
    np.testing.assert_allclose([one.score for _, one in streamed], scores, rtol=tolerance, atol=tolerance)
    if maps is not None:
        together = np.stack([one.map for _, one in streamed]).astype(float)
        np.testing.assert_allclose(together, maps.astype(float), rtol=2e-3 if tolerance else 0, atol=tolerance)
    assert max(now - one.frame for now, one in streamed) == detector.stream(perception).latency
    return scores


def test_motion(fast_walker: motion.Detector, walk: Clip) -> None:
    same(fast_walker, walk, looked_at(walk))


def test_objects(folder: Path, scene: Scene, training: list[Clip], backbone: Backbone) -> None:
    params = objects.Params(
        attributes=["speed", "shape", "place", "appearance"], components=2, crop=32, layer="layer2", max_objects=400
    )
    detector = objects.Detector(objects.fit(training, params, 0, backbone), params, backbone)
    clip = extracted(squares.clip(folder, "run", 3.0), scene)
    same(detector, clip, looked_at(clip, scene), tolerance=1e-4)


def test_object_ae(folder: Path, scene: Scene, training: list[Clip]) -> None:
    params = object_ae.Params(
        crop=16,
        channels=4,
        offset=3,
        steps=2,
        learning_rate=0.001,
        clusters=2,
        clusterings=2,
        regularisation=0.01,
        max_objects=400,
    )
    detector = object_ae.Detector(object_ae.fit(training, params, 0), params)
    clip = extracted(squares.clip(folder, "run_ae", 3.0), scene)
    same(detector, clip, looked_at(clip, scene), tolerance=1e-4)


def test_padim(training: list[Clip], walk: Clip, backbone: Backbone) -> None:
    params = padim.Params(
        layers=["layer1", "layer2"],
        n_features=6,
        reduction="projection",
        grid=8,
        epsilon=0.01,
        per_scene=True,
        sigma=1.0,
        aggregate="top_k",
        top_fraction=0.1,
    )
    same(padim.Detector(padim.fit(training, params, 0, backbone), params, backbone), walk, looked_at(walk), 1e-4)


def test_gradcam(training: list[Clip], walk: Clip, backbone: Backbone) -> None:
    params = gradcam.Params(layers=["layer1", "layer2"], reference="scene", grid=8)
    same(gradcam.Detector(gradcam.fit(training, params, 0, backbone), params, backbone), walk, looked_at(walk), 1e-4)


@pytest.mark.parametrize("frame_score", ["pooled", "map_mean"])
def test_spade(training: list[Clip], walk: Clip, backbone: Backbone, frame_score: str) -> None:
    params = spade.Params(
        pooled_layer="layer2",
        layers=["layer1", "layer2"],
        grid=4,
        neighbours=3,
        gallery=40,
        gallery_neighbours=5,
        pixel_neighbours=2,
        per_scene=True,
        frame_score=frame_score,
    )
    same(spade.Detector(spade.fit(training, params, 0, backbone), params, backbone), walk, looked_at(walk), 1e-3)


class Colours:
    """An encoder to a space of three dimensions: the mean colours, row by row of thirds."""

    name, dim = "colours", 3

    def encode_images(self, batch: np.ndarray) -> np.ndarray:
        thirds = [part.mean(axis=(1, 2, 3)) for part in np.array_split(batch.astype(np.float32), 3, axis=2)]
        return unit(np.stack(thirds, axis=1))


def test_prototypes_and_prompts(walk: Clip) -> None:
    encoder = Colours()
    x = encoder.encode_images(np.stack([walk.read(frame) for frame in walk.frames]))
    clip = replace(walk, embeddings=x)
    params = prototypes.Params(k=3, score="ensemble", top_k=2, inner_folds=2)
    same(prototypes.Detector(prototypes.fit([clip], params, 0), params), clip, looked_at(clip, None, encoder), 1e-4)
    prompts = zeroshot.Params(normal=["a"], abnormal=["b"], templates=["{}"], temperature=0.05)
    same(zeroshot.Detector({"text": np.eye(3)[:2]}, prompts), clip, looked_at(clip, None, encoder), 1e-4)


def test_chosen_frames_score_as_among_all(fast_walker: motion.Detector, walk: Clip) -> None:
    every, _ = fast_walker.score(walk)
    chosen = [0, 3, 20, 39]
    few, _ = fast_walker.score(walk.only(chosen))
    np.testing.assert_array_equal(few, every[chosen])


def test_flow_over_a_dropped_frame_is_the_speed_not_the_distance(folder: Path) -> None:
    clip = squares.clip(folder, "steady", 2.0)
    _, one, two = flow.PairFlow(240)(Sight([View(frame, clip.read(frame)) for frame in (10, 11, 13)]))
    y, x = (50 + squares.TALL // 2) // flow.CELL, (squares.left(11, 2.0) + squares.WIDE // 2) // flow.CELL
    assert (one[y, x, 0], two[y, x, 0]) == pytest.approx((2.0, 2.0), abs=0.4)


def test_two_streams_on_a_camera_decode_shrink_and_compute_flow_once(
    fast_walker: motion.Detector, walk: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, int] = {"read": 0, "flow": 0, "gray": 0}

    def counted(name: str, call):
        def wrapper(*args):
            calls[name] += 1
            return call(*args)

        return wrapper

    monkeypatch.setattr(Clip, "read", counted("read", Clip.read))
    monkeypatch.setattr(flow, "_pair_flow", counted("flow", flow._pair_flow))
    monkeypatch.setattr(cv2, "cvtColor", counted("gray", cv2.cvtColor))
    perception = Perception(camera_of(walk))
    streams = [fast_walker.stream(perception) for _ in range(2)]
    for sight in sights(walk):
        for stream in streams:
            stream.push(sight)
    assert calls["read"] == 40
    assert calls["flow"] == 40
    assert calls["gray"] == 80  # one from BGR to RGB after decoding, one to gray


def test_boxes_that_were_begun_on_another_core_are_the_same(
    walk: Clip, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for workers in ("1", "2"):
        monkeypatch.setenv("VAD_WORKERS", workers)
        finder, tables = detection.Finder(looked_at(walk), scene, FOUND), []
        for frame in walk.stored:
            sight = Sight([View(int(frame), walk.read(frame))])
            finder.begin(sight)
            assert len(finder._begun) <= (finder.latency + 1) * (workers == "2")
            tables.append(finder(sight)[1])
        tables.append(finder(Sight([], last=True))[1])
        assert not finder._begun
        found[workers] = pd.concat(tables, ignore_index=True)
    assert len(found["1"]) >= 40
    pd.testing.assert_frame_equal(found["1"], found["2"])


def test_memory_of_a_stream_is_bounded(fast_walker: motion.Detector, walk: Clip) -> None:
    stream = fast_walker.stream(looked_at(walk))
    image, sizes = walk.read(0), []
    for frame in range(60):
        stream.push(Sight([View(frame, image)]))
        sizes.append((len(stream._flow._flows), len(stream._flow._waiting)))
    assert len(set(sizes[20:])) == 1


def test_detectors_on_a_camera_share_one_pass_of_the_backbone(
    training: list[Clip], walk: Clip, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    cam = gradcam.Params(layers=["layer1", "layer2"], reference="scene", grid=8)
    near = spade.Params(
        pooled_layer="layer2",
        layers=["layer1"],
        grid=4,
        neighbours=3,
        gallery=40,
        gallery_neighbours=5,
        pixel_neighbours=2,
        per_scene=True,
        frame_score="map_max",
    )
    together = [
        gradcam.Detector(gradcam.fit(training, cam, 0, backbone), cam, backbone),
        spade.Detector(spade.fit(training, near, 0, backbone), near, backbone),
    ]
    alone = [detector.score(walk)[0] for detector in together]
    passes = []
    outputs = Backbone.outputs
    monkeypatch.setattr(
        Backbone, "outputs", lambda self, x, names, *rest: passes.append(len(x)) or outputs(self, x, names, *rest)
    )
    perception = looked_at(walk)
    streams = [detector.stream(perception) for detector in together]
    found = [[one for sight in part for one in stream.push(sight)] for part, stream in _turns(walk, streams)]
    assert passes == [16, 16, 8]
    for scores, judged in zip(alone, found, strict=True):
        np.testing.assert_allclose([one.score for one in judged], scores, rtol=1e-4, atol=1e-5)


def _turns(clip: Clip, streams: list[streaming.Stream]) -> list[tuple[list[Sight], streaming.Stream]]:
    every = list(sights(clip))
    return [(every, stream) for stream in streams]
