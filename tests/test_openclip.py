"""The open_clip path without a download: a checkpoint of a small configuration, written here."""

import json
import time
from pathlib import Path

import huggingface_hub
import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from sklearn.cluster import KMeans

from vad.data.frames import Clip
from vad.detectors import prototypes, zeroshot
from vad.features import encoders, openclip, semantic
from vad.pipeline.errors import UserError

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}


def encoder_params(**values) -> semantic.Params:
    defaults = {
        "name": "open_clip",
        "model": "tiny-test",
        "pretrained": "openai",
        "backbone": "efficientnet_lite0",
        "image_size": 224,
        "labels": 10,
        "crops": 1,
    }
    return semantic.Params(**defaults | values)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("openclip")
    (folder / "tiny-test.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "tiny-test.json")
    torch.manual_seed(0)
    path = folder / "weights.pt"
    torch.save(open_clip.create_model("tiny-test").state_dict(), path)
    return path


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (12, 40, 60, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def direct(checkpoint, images):
    """(images, texts -> vectors) computed with open_clip alone."""
    model, _, transform = open_clip.create_model_and_transforms("tiny-test", pretrained=str(checkpoint))
    tokenize = open_clip.get_tokenizer("tiny-test")
    model.eval()
    with torch.no_grad():
        pixels = torch.stack([transform(Image.fromarray(image)) for image in images])
        x = model.encode_image(pixels, normalize=True).numpy()
        return x, lambda texts: model.encode_text(tokenize(texts), normalize=True).detach().numpy()


@pytest.fixture(scope="module")
def encoder(checkpoint) -> semantic.Encoder:
    return encoders.load(encoder_params(pretrained=str(checkpoint)))


def clip_of(x: np.ndarray, labels: np.ndarray) -> Clip:
    frames = np.arange(len(x))
    return Clip("c", "01", "test", 25.0, frames, labels.astype(np.int8), frames, embeddings=x)


def test_embeddings_equal_open_clips_own(encoder, direct, images):
    x, texts = direct
    assert encoder.dim == 16
    np.testing.assert_allclose(encoder.encode_images(images), x, atol=1e-5)
    sentences = ["a person riding a bicycle", "an empty walkway"]
    np.testing.assert_allclose(encoder.encode_texts(sentences), texts(sentences), atol=1e-5)


def test_zero_shot_scores_equal_open_clips_softmax(encoder, direct, images):
    x, texts = direct
    params = zeroshot.Params(normal=["a walk", "a road"], abnormal=["a fight"], templates=["a {}"], temperature=0.01)
    detector = zeroshot.Detector(zeroshot.fit([], params, 0, encoder), params)
    scores, _ = detector.score(clip_of(encoder.encode_images(images), np.zeros(12)))
    probability = torch.softmax(torch.tensor(100 * x @ texts(["a a walk", "a a road", "a a fight"]).T), dim=1)[:, 2]
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), probability.numpy(), atol=1e-3)


def test_prototype_scores_equal_those_from_open_clips_vectors(encoder, direct, images):
    x, _ = direct
    labels = np.arange(12) % 2
    params = prototypes.Params(k=1, score="max", top_k=1, inner_folds=2)
    clip = clip_of(encoder.encode_images(images), labels)
    scores, _ = prototypes.Detector(prototypes.fit([clip], params, 0), params).score(clip)
    centres = [KMeans(1, n_init=1).fit(x[labels == label]).cluster_centers_[0] for label in (0, 1)]
    normal, abnormal = (x @ (centre / np.linalg.norm(centre)) for centre in centres)
    np.testing.assert_allclose(scores, abnormal - normal, atol=1e-4)


def test_five_crops_average_unit_vectors(checkpoint, encoder, images):
    five = encoders.load(encoder_params(pretrained=str(checkpoint), crops=5)).encode_images(images)
    views = [encoder.encode_images(np.ascontiguousarray(view)) for view in semantic.views(images, 5)]
    np.testing.assert_allclose(five, semantic.unit(np.mean(views, axis=0)), atol=1e-5)


def test_the_papers_names_fail_offline_with_one_clear_line(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    started = time.perf_counter()
    with pytest.raises(UserError) as raised:
        encoders.load(encoder_params(model="ViT-B-32", pretrained="openai"))
    line = str(raised.value)
    assert "\n" not in line
    assert all(part in line for part in ("ViT-B-32", "openai", "huggingface.co", "encoder.name=conse"))
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "ViT-B-33"}, "encoder.model = 'ViT-B-33'"),
        ({"model": "ViT-B-32", "pretrained": "opnai"}, "its tags: openai"),
        ({"model": "tiny-test", "pretrained": "missing.pt"}, "neither a file nor a tag"),
    ],
)
def test_wrong_names_are_refused_with_the_right_ones(checkpoint, values, message):
    with pytest.raises(UserError, match=message):
        encoders.load(encoder_params(**values))


def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(checkpoint, tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="cannot be loaded") as raised:
        openclip.OpenClip(encoder_params(pretrained=str(tmp_path / "weights.pt")))
    assert "\n" not in str(raised.value)
