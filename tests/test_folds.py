"""Protocols: a clean fold scores only clips that its fit did not see; the fits' clips hold only permitted frames."""

import numpy as np
import pandas as pd
import pytest

from vad.data.frames import Clip
from vad.protocol.folds import folds


@pytest.fixture
def sample() -> pd.DataFrame:
    rows = [("n", f, 0, "calibration", -1) for f in range(3)]
    rows += [("t", f, 0, "prototypes", -1) for f in range(3)]
    for fold, clip in enumerate("abc"):
        rows += [(clip, f, f % 2, role, fold) for f in range(4) for role in ("test", "prototypes")]
    return pd.DataFrame(rows, columns=["clip", "frame", "label", "role", "fold"])


def test_clean_cross_fits_labelled_detectors_over_clips(sample):
    plan = folds(sample, "prototypes", labelled=True, protocol="clean")
    assert [fold.name for fold in plan] == ["0", "1", "2"]
    scored = set()
    for fold in plan:
        test = fold.score[fold.score["role"] == "test"]
        assert not set(test["clip"]) & set(fold.fit["clip"])
        assert "t" in set(fold.fit["clip"])  # training clips are permitted to every fold
        assert set(fold.score.loc[fold.score["role"] == "calibration", "clip"]) == {"n"}
        scored |= set(test["clip"])
    assert scored == {"a", "b", "c"}


@pytest.mark.parametrize(("labelled", "protocol"), [(False, "clean"), (True, "paper"), (True, "one_class")])
def test_one_fit_otherwise(sample, labelled, protocol):
    (fold,) = folds(sample, "prototypes", labelled, protocol)
    assert len(fold.fit) == 15
    assert set(fold.score["clip"]) == {"a", "b", "c", "n"}


def test_a_restricted_clip_refuses_other_frames():
    frames = np.array([0, 2, 4, 6])
    clip = Clip("a", "01", "test", 10.0, frames, np.array([0, 0, 1, 1], np.int8), frames)
    part = clip.only([6, 2])
    assert part.frames.tolist() == [2, 6]
    assert part.labels.tolist() == [0, 1]
    assert part.stored.tolist() == [0, 2, 4, 6]
    with pytest.raises(ValueError, match="permitted"):
        part.only([4])
    with pytest.raises(ValueError, match="permitted"):
        clip.only([7])
