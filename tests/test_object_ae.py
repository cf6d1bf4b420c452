from dataclasses import replace

import numpy as np
import pytest
import torch

from tests import moving_squares as squares
from vad.detectors import object_ae
from vad.perception import detection
from vad.perception.scene import Scene
from vad.pipeline.errors import CannotFit

PARAMS = object_ae.Params(
    crop=16,
    channels=4,
    offset=3,
    steps=5,
    learning_rate=0.001,
    clusters=3,
    regularisation=0.01,
    clusterings=2,
    max_objects=100,
)
FOUND = detection.Params(detector="foreground", height=240, window=0.5, max_fit_frames=500)


@pytest.fixture
def clip(tmp_path):
    clip = squares.clip(tmp_path, "a", 2.0)
    return replace(clip, objects=detection.detect(clip, Scene.learn([clip], 240), FOUND))


def test_views_are_the_crop_and_its_changes(clip):
    table = detection.objects_of(clip)
    table = table[table["frame"] == 20]
    gray, before, after = object_ae.stored_views(clip, table, PARAMS)[0].astype(int)
    assert gray.mean() > 100  # the bright square
    assert min(before.mean(), after.mean()) > 3  # it moved by six pixels from and to
    still = squares.clip(clip.path.parents[1], "still", 0.0)
    assert object_ae.stored_views(still, table, PARAMS)[0, 1:].max() == 0


def test_encoder_and_decoder_mirror_each_other():
    codes = object_ae.encoder(4)(torch.zeros(2, 1, 16, 16))
    assert codes.shape == (2, 4, 2, 2)
    assert object_ae.decoder(4)(codes).shape == (2, 1, 16, 16)


def test_abnormality_is_minus_the_best_classifier_averaged_over_clusterings():
    codes = np.array([[1.0, 0], [-3, 0]])
    weights, bias = np.array([[[1.0, 0], [0, 1]], [[0, 0], [0, 0]]]), np.array([[0.0, -1], [3, 2]])
    assert object_ae.abnormality(codes, weights[:1], bias[:1]).tolist() == [-1, 1]
    assert object_ae.abnormality(codes, weights, bias).tolist() == [-2, -1]


@pytest.mark.parametrize("clusters", [2, 3])
def test_each_clustering_accepts_its_training_objects(clusters):
    """Three heaps far apart: what lies in one is accepted, what lies between is not; the starts differ."""
    rng = np.random.default_rng(0)
    heaps = np.array([[20.0, 0, 0], [0, 20, 0], [0, 0, 20]])[:clusters]
    codes = (np.repeat(heaps, 30, axis=0) + rng.normal(size=(30 * clusters, 3))).astype(np.float32)
    params = PARAMS.model_copy(update={"clusters": clusters, "regularisation": 1.0})
    weights, bias = zip(*(object_ae._classifiers(codes, params, seed) for seed in (0, 1)), strict=True)
    assert np.stack(weights).shape == (2, clusters, 3)
    accepted = object_ae.abnormality(codes, np.stack(weights), np.stack(bias))
    assert accepted.max() < -0.5
    between = object_ae.abnormality(heaps.mean(axis=0, keepdims=True), np.stack(weights), np.stack(bias))
    assert between.item() > accepted.max() + 0.3


def test_fit_repeats_and_scores_every_frame(clip):
    first, second = (object_ae.fit([clip], PARAMS, seed=3) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert first["weights"].shape[:2] == (2, 3)
    scores, maps = object_ae.Detector(first, PARAMS).score(clip)
    assert scores.shape == (40,)
    assert scores.min() >= 0
    assert np.isfinite(maps).all()


def test_too_few_objects_cannot_be_fitted():
    with pytest.raises(CannotFit, match=r"0 objects in the training frames do not make \d+ clusters"):
        object_ae.fit([], PARAMS, seed=0)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_engines_say_the_same_of_any_number_of_objects(clip, tmp_path, engine):
    detector = object_ae.Detector(object_ae.fit([clip], PARAMS, 0), PARAMS)
    scores, maps = detector.score(clip)
    crops = object_ae.stored_views(clip, clip.objects, PARAMS)
    plain = [detector.abnormality(crops[:count]) for count in (0, 1, 7)]
    detector.export(tmp_path / "head_object_ae.onnx")
    detector.run_by(engine, tmp_path / "head_object_ae.onnx")
    for one in plain:
        np.testing.assert_allclose(detector.abnormality(crops[: len(one)]), one, rtol=1e-4, atol=1e-4)
    others, other_maps = detector.score(clip)
    np.testing.assert_allclose(others, scores, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(other_maps.astype(float), maps.astype(float), rtol=2e-3, atol=1e-3)
