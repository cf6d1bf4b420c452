from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import sklearn.datasets

from vad.features import conse, encoders, semantic
from vad.pipeline.errors import UserError

PARAMS = semantic.Params(
    name="conse",
    model="ViT-B-32",
    pretrained="openai",
    backbone="efficientnet_lite0",
    image_size=224,
    labels=10,
    crops=1,
)


def shipped(name: str) -> np.ndarray:
    """A picture out of scikit-image's own folder, which needs no download, as RGB."""
    return cv2.imread(str(Path(skimage.data.__file__).parent / name))[..., ::-1].copy()


@pytest.fixture(scope="module")
def encoder() -> semantic.Encoder:
    return encoders.load(PARAMS)


def test_right_caption_first_for_real_pictures(encoder):
    china, flower = sklearn.datasets.load_sample_images().images
    pictures = {
        "an astronaut in an orange space suit": shipped("astronaut.png"),
        "a close-up of a cat": shipped("chelsea.png"),
        "a cup of coffee on a saucer with a spoon": shipped("coffee.png"),
        "a rocket on its launch pad": shipped("rocket.jpg"),
        "a motorcycle in a garage": shipped("motorcycle_left.png"),
        "a man filming with a camera on a tripod": shipped("camera.png"),
        "a Chinese temple with a curved roof": china,
        "a close-up of a dahlia flower": flower,
    }
    images = np.concatenate([encoder.encode_images(picture[None]) for picture in pictures.values()])
    texts = encoder.encode_texts(list(pictures))
    right = (images @ texts.T).argmax(axis=1) == np.arange(len(pictures))
    assert right.sum() >= 6, [caption for caption, ok in zip(pictures, right, strict=True) if not ok]


def test_vectors_are_unit_rows_of_the_named_dimension(encoder):
    images = encoder.encode_images(np.random.default_rng(0).integers(0, 255, (2, 60, 80, 3), dtype=np.uint8))
    texts = encoder.encode_texts(["a road", "a cat", "a dog"])
    assert images.shape == (2, encoder.dim)
    assert texts.shape == (3, encoder.dim)
    assert images.dtype == texts.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([images, texts]), axis=1), 1, atol=1e-5)


def test_an_unknown_backbone_names_the_encoders_own_key():
    encoder = encoders.load(PARAMS.model_copy(update={"backbone": "resnet"}))
    with pytest.raises(UserError, match=r"encoder\.backbone = 'resnet' is unknown; choose from"):
        encoder.encode_images(np.zeros((1, 8, 8, 3), np.uint8))


def test_combination_by_hand():
    posterior = np.array([[0.5, 0.1, 0.3, 0.1]])
    vectors = np.array([[1.0, 0.0], [9.0, 9.0], [0.0, 1.0], [9.0, 9.0]])
    # The two most probable labels, 0.5 and 0.3, renormalised: 5/8 and 3/8.
    np.testing.assert_allclose(conse.combine(posterior, vectors, labels=2), [[0.625, 0.375]])
    np.testing.assert_allclose(conse.combine(posterior, vectors, labels=1), [[1, 0]])
    np.testing.assert_allclose(conse.combine(posterior, vectors, labels=4), posterior @ vectors)


def test_classifier_with_other_labels_is_refused():
    with pytest.raises(UserError, match="ImageNet-1k"):
        conse.combine(np.ones((1, 10)) / 10, np.ones((1000, 2)), labels=3)


def test_label_names_are_imagenets():
    names = conse.label_names()
    assert len(names) == 1000
    assert names[0].startswith("tench")
    assert names[281].startswith("tabby")
