import numpy as np
import pytest

from vad.data.frames import Clip
from vad.detectors import prototypes


def params(**values) -> prototypes.Params:
    return prototypes.Params(**{"k": 3, "score": "max", "top_k": 2, "inner_folds": 2} | values)


def clip(name: str, x: np.ndarray, labels: list[int]) -> Clip:
    frames = np.arange(len(x))
    return Clip(name, "01", "test", 25.0, frames, np.array(labels, np.int8), frames, embeddings=x.astype(np.float32))


def around(centre: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    x = centre + 0.05 * rng.standard_normal((count, len(centre)))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def four_clips(seed: int) -> list[Clip]:
    rng = np.random.default_rng(seed)
    x = [np.concatenate([around(np.eye(6)[0], 10, rng), around(np.eye(6)[1], 10, rng)]) for _ in range(4)]
    return [clip(f"c{i}", part, [0] * 10 + [1] * 10) for i, part in enumerate(x)]


def test_variants_by_hand():
    state = {
        "normal": np.array([[1.0, 0.0], [0.0, 0.5]], np.float32),  # unit: (1, 0), (0, 1)
        "abnormal": np.array([[0.6, 0.8]], np.float32),
    }
    x = np.array([[0.8, 0.6]], np.float32)
    maximum, top_k, distance = prototypes.variants(state, x, top_k=2)[0]
    assert maximum == pytest.approx(0.96 - 0.8, abs=1e-6)
    assert top_k == pytest.approx(0.96 - (0.8 + 0.6) / 2, abs=1e-6)
    to_normal = min(np.hypot(0.2, 0.6), np.hypot(0.8, 0.1))
    assert distance == pytest.approx(to_normal - np.hypot(0.2, 0.2), abs=1e-6)


def test_as_many_centres_as_distinct_frames():
    x = np.repeat(np.eye(4)[:2], 5, axis=0)  # two distinct normal frames
    fitted = prototypes.fit([clip("a", np.concatenate([x, np.eye(4)[2:]]), [0] * 10 + [1] * 2)], params(k=5), seed=0)
    np.testing.assert_allclose(np.sort(fitted["normal"], axis=0), np.sort(np.eye(4)[:2], axis=0), atol=1e-6)
    assert len(fitted["abnormal"]) == 2


@pytest.mark.parametrize("score", ["max", "top_k", "distance", "ensemble"])
def test_every_score_separates_what_the_centres_separate(score):
    fitted = prototypes.fit(four_clips(0), params(score=score), seed=0)
    scores, maps = prototypes.Detector(fitted, params(score=score)).score(four_clips(1)[0])
    assert maps is None
    assert scores.dtype == np.float32
    assert scores[:10].max() < scores[10:].min()


def test_without_abnormal_frames_the_distance_from_normal_remains():
    normal = [part.only(range(10)) for part in four_clips(0)]
    fitted = prototypes.fit(normal, params(score="ensemble"), seed=0)
    assert len(fitted["abnormal"]) == 0
    np.testing.assert_allclose(fitted["weights"], 1 / 3)
    for score in ("max", "distance", "ensemble"):
        scores, _ = prototypes.Detector(fitted, params(score=score)).score(four_clips(1)[0])
        assert scores[:10].max() < scores[10:].min()


def test_weights_are_chosen_on_clips_that_the_centres_did_not_see():
    """Abnormal frames unlike from clip to clip: in-sample scores separate them perfectly, out-of-clip ones do not."""
    rng = np.random.default_rng(3)
    clips = []
    for number in range(4):
        x = np.concatenate([around(np.eye(12)[0], 10, rng), around(np.eye(12)[2 + number], 10, rng)])
        clips.append(clip(f"c{number}", x, [0] * 10 + [1] * 10))
    x = np.concatenate([part.embeddings for part in clips])
    labels = np.concatenate([part.labels for part in clips])
    groups = np.repeat(np.arange(4), 20)
    scores, known = prototypes._out_of_clip(x, labels, groups, params(), seed=0)
    assert known.all()
    seen = prototypes.variants(prototypes._centres(x, labels, params(k=8), 0), x, 2)
    abnormal = labels == 1
    assert scores[abnormal, 0].max() < 0.3 < seen[abnormal, 0].min()


def test_best_weights_follow_the_only_informative_score():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    scores = rng.standard_normal((200, 3))
    scores[:, 1] += 2 * labels
    weights = prototypes._best_weights(scores, labels)
    assert weights[1] >= 0.7
    assert weights.sum() == pytest.approx(1)


def test_the_same_seed_gives_the_same_bytes():
    first, second = (prototypes.fit(four_clips(0), params(score="ensemble"), seed=5) for _ in range(2))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
