import numpy as np
import pytest
from scipy.special import softmax

from vad.data.frames import Clip
from vad.detectors import zeroshot
from vad.pipeline import params
from vad.pipeline.errors import UserError

PARAMS = zeroshot.Params(
    normal=["a walk"], abnormal=["a fight", "a fall"], templates=["{}", "a photo of {}"], temperature=0.1
)


class Letters:
    """Embeds a text by its counts of a, f and w."""

    name, dim = "letters", 3

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        counts = np.array([[text.count(letter) for letter in "afw"] for text in texts], np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def frames(x: np.ndarray) -> Clip:
    numbers = np.arange(len(x))
    return Clip("c", "01", "test", 25.0, numbers, np.zeros(len(x), np.int8), numbers, embeddings=x)


def test_templates_are_averaged_as_unit_vectors():
    text = zeroshot.fit([], PARAMS, 0, Letters())["text"]
    plain, photo = np.array([2, 0, 1]) / 5**0.5, np.array([3, 1, 1]) / 11**0.5  # "a walk", "a photo of a walk"
    mean = (plain + photo) / 2
    np.testing.assert_allclose(text[0], mean / np.linalg.norm(mean), atol=1e-6)
    assert text.shape == (3, 3)


def test_score_is_the_log_odds_of_the_abnormal_softmax_mass():
    x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    state = zeroshot.fit([], PARAMS, 0, Letters())
    detector = zeroshot.Detector(state, PARAMS)
    mass = softmax(x @ state["text"].T / 0.1, axis=1)[:, 1:].sum(axis=1)
    scores, maps = detector.score(frames(x))
    assert maps is None
    np.testing.assert_allclose(scores, np.log(mass / (1 - mass)), atol=1e-3)


def test_log_odds_keep_order_where_the_mass_is_one():
    state = {"text": np.array([[-1, 0], [1, 0], [0.8, 0.6]], np.float32)}
    sharp = PARAMS.model_copy(update={"temperature": 0.001})
    scores, _ = zeroshot.Detector(state, sharp).score(frames(np.array([[1, 0], [0.9, 0.1]], np.float32)))
    assert scores[0] > scores[1] > 100


def test_template_without_a_place_is_refused():
    values = PARAMS.model_dump() | {"templates": ["a photo"]}
    with pytest.raises(UserError, match="the place of the description"):
        params.validate(values, zeroshot.Params, "params.yaml: zeroshot")
