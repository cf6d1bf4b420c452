import numpy as np
import pytest

from vad.evaluation import splits
from vad.post_processing.budget import Blocks


def blocks(rng: np.random.Generator, clips: int, per_clip: int, alike: float) -> Blocks:
    """Blocks of 20 s; ``alike``: how much of a block's highest score is its clip's, 0 to 1."""
    own = np.repeat(rng.normal(size=clips), per_clip)
    highest = alike * own + (1 - alike) * rng.normal(size=clips * per_clip)
    names = np.repeat([f"c{i:03d}" for i in range(clips)], per_clip).astype(object)
    return Blocks(highest, np.full(len(highest), 20.0), names)


def test_exchangeable_blocks_keep_the_promise():
    made = splits.repeated(blocks(np.random.default_rng(0), 90, 1, 0.0), [6, 30, 90], 100, 0.95, seed=0)
    for row in made:
        if row["refused"] == 0:
            assert row["observed"] == pytest.approx(row["promised"], rel=0.15)
            assert row["within"] >= 0.94
    assert [row["refused"] for row in made] == [0, 0, 0]


def test_less_video_than_the_budget_needs_is_refused_in_every_split():
    (row,) = splits.repeated(blocks(np.random.default_rng(0), 20, 1, 0.0), [6], 50, 0.95, seed=0)
    assert row["refused"] == 1
    assert np.isnan(row["observed"])


def test_blocks_that_are_copies_of_each_other_break_it_and_it_shows():
    """Twenty blocks of one clip are one piece of evidence: the check must see an interval that is too narrow."""
    (row,) = splits.repeated(blocks(np.random.default_rng(0), 24, 20, 0.95), [60], 100, 0.95, seed=0)
    assert row["within"] < 0.8
