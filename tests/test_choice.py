import numpy as np
import pandas as pd
import pytest

from vad.evaluation import choice
from vad.metrics.measures import resamples

CLIPS = [f"c{i}" for i in range(8)]


def scored(name: str, strength: float, lucky: str | None = None, fold: bool = True) -> pd.DataFrame:
    """8 clips in 4 folds; on the clip ``lucky`` the detector is perfect."""
    rng = np.random.default_rng(sum(map(ord, name)))
    parts = []
    for i, clip in enumerate(CLIPS):
        label = (np.arange(40) >= 20).astype(int)
        score = rng.normal(size=40) + (50 if clip == lucky else strength) * label
        parts.append(
            pd.DataFrame(
                {
                    "clip": clip,
                    "frame": np.arange(40),
                    "fold": i % 4 if fold else 0,
                    "label": label,
                    "calibrated": score,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_the_choice_is_judged_on_clips_that_it_did_not_see():
    tests = {"good": scored("good", 2.0), "poor": scored("poor", 0.2)}
    made = choice.cross_fitted(tests, resamples(8, 200, 0), 0.95)
    assert made.detector == "good"
    assert set(made.by_fold.values()) == {"good"}
    assert made.auc == pytest.approx(made.best)
    assert made.low < made.auc < made.high


def test_the_luckiest_of_many_that_know_nothing_is_worth_chance():
    """The winner's curse: the best of thirty guesses is well above one half in the table and not when judged."""
    tests = {f"guess{i}": scored(f"guess{i}", 0.0) for i in range(30)}
    made = choice.cross_fitted(tests, resamples(8, 200, 0), 0.95)
    assert made.best > 0.55
    assert made.auc < made.best - 0.03


def test_where_the_protocol_has_one_fold_clips_are_dealt_for_the_choice():
    tests = {"good": scored("good", 2.0, fold=False), "poor": scored("poor", 0.2, fold=False)}
    assert len(choice.cross_fitted(tests, resamples(8, 200, 0), 0.95).by_fold) == 4
