from collections.abc import Sequence

import numpy as np
import pytest

from vad.data.frames import Clip
from vad.evaluation import leak


def clips(count: int = 12, frames: int = 20) -> list[Clip]:
    """Clips of random embeddings; which half of a clip's frames is abnormal has nothing to do with them."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        x = rng.standard_normal((frames, 5)).astype(np.float32)
        labels = rng.permutation(np.arange(frames) % 2).astype(np.int8)
        numbers = np.arange(frames)
        made.append(Clip(f"c{number:02d}", "01", "test", 25.0, numbers, labels, numbers, embeddings=x))
    return made


def memorise(permitted: Sequence[Clip]) -> leak.Scorer:
    """A detector that has learnt nothing but which frames it was told are abnormal."""
    seen = {x.tobytes() for clip in permitted for x in clip.embeddings[clip.labels == 1]}
    return lambda embeddings: {"memory": np.array([float(x.tobytes() in seen) for x in embeddings])}


def test_a_planted_leak_is_caught():
    pool = leak.Pool(clips()).draw(1000, np.random.default_rng(0), balanced=True)
    scores = {
        "paper": leak.paper(pool, memorise, 1000, np.random.default_rng(1))["memory"],
        "clean": leak.clean(pool, memorise, 1000, 4, np.random.default_rng(1))["memory"],
    }
    row = leak.compare(pool, scores, count=200, confidence=0.95, seed=0)
    assert row["paper"] > 0.99
    assert row["clean_low"] <= 0.5 <= row["clean_high"]
    assert row["leak_low"] > 0.4


def test_an_honest_detector_shows_no_leak():
    """The first coordinate tells the classes apart, learnt or not: paper and clean agree."""
    pool = leak.Pool(clips())
    for clip in pool.clips:
        clip.embeddings[:, 0] += 2 * clip.labels
    fit = lambda permitted: lambda x: {"first": x[:, 0]}  # noqa: E731
    rng = np.random.default_rng(0)
    scores = {
        "paper": leak.paper(pool, fit, 1000, rng)["first"],
        "clean": leak.clean(pool, fit, 1000, 4, rng)["first"],
    }
    row = leak.compare(pool, scores, count=200, confidence=0.95, seed=0)
    assert row["leak"] == row["leak_low"] == row["leak_high"] == 0
    assert row["clean_low"] < row["clean"] < row["clean_high"]


def test_clean_never_fits_on_the_clip_it_scores():
    pool, seen = leak.Pool(clips()), []

    def fit(permitted: Sequence[Clip]) -> leak.Scorer:
        names = {clip.name for clip in permitted}
        seen.append(names)
        rows = {x.tobytes(): clip.name for clip in pool.clips for x in clip.embeddings}
        return lambda x: {"leaks": np.array([rows[one.tobytes()] in names for one in x], float)}

    assert not leak.clean(pool, fit, 1000, 3, np.random.default_rng(0))["leaks"].any()
    assert len(seen) == 3
    assert {len(names) for names in seen} == {8}


def test_draw_caps_and_balances():
    pool = leak.Pool([clip.only(range(15)) for clip in clips(3)])
    normal, abnormal = (int((pool.labels == label).sum()) for label in (0, 1))
    drawn = pool.draw(10, np.random.default_rng(0))
    assert [(drawn.labels == label).sum() for label in (0, 1)] == [10, 10]
    balanced = pool.draw(1000, np.random.default_rng(0), balanced=True)
    assert [(balanced.labels == label).sum() for label in (0, 1)] == [min(normal, abnormal)] * 2
    assert len(balanced.embeddings) == len(balanced.groups) == 2 * min(normal, abnormal)


def test_f1_by_hand():
    counts = {"paper": np.array([[3, 0, 1], [1, 1, 0]]), "clean": np.array([[2, 1, 2], [1, 1, 0]])}
    row = leak.compare_f1(counts, count=100, confidence=0.9, seed=0)
    assert row["paper"] == pytest.approx(8 / 10)
    assert row["clean"] == pytest.approx(6 / 10)
    assert row["leak"] == pytest.approx(0.2)
    assert row["leak_low"] <= row["leak"] <= row["leak_high"]


def remember(known: Sequence[Clip], judged: Sequence[Clip]) -> list[np.ndarray]:
    """A method of one label per clip that has learnt nothing but which frames of which clips it was shown."""
    names = {clip.name for clip in known}
    return [np.where(clip.name in names, clip.labels, 0).astype(float) for clip in judged]


def test_of_clips_judges_each_clip_by_a_fit_that_knows_it_and_by_one_that_does_not():
    pool, fits = leak.Pool(clips()), []

    def judge(known: Sequence[Clip], judged: Sequence[Clip]) -> list[np.ndarray]:
        fits.append(({clip.name for clip in known}, {clip.name for clip in judged}))
        return remember(known, judged)

    scores = leak.of_clips(pool, judge, 3)
    assert [len(known & judged) for known, judged in fits[:-1]] == [0, 0, 0]
    assert [len(known) for known, _ in fits] == [8, 8, 8, 12]
    assert set.union(*(judged for _, judged in fits[:-1])) == {clip.name for clip in pool.clips}
    np.testing.assert_array_equal(scores["paper"], pool.labels)
    assert not scores["clean"].any()
    row = leak.compare(pool, scores, count=50, confidence=0.95, seed=0)
    assert (row["paper"], row["clean"]) == (1.0, 0.5)


def test_scores_of_clips_stand_in_the_pool_s_order():
    pool = leak.Pool(clips(5))
    scores = leak.of_clips(pool, lambda known, judged: [np.full(len(c.frames), int(c.name[1:])) for c in judged], 2)
    np.testing.assert_array_equal(scores["clean"], pool.groups)
