import numpy as np
import pandas as pd
import pytest

from vad.metrics.measures import auc
from vad.pipeline.errors import UserError
from vad.post_processing.calibration import by_fold, quantile, surprise


def test_quantiles_by_hand():
    # Hazen positions of 1, 2, 3, 4: 1/8, 3/8, 5/8, 7/8.
    assert quantile([1, 2.5, 4], [4, 1, 3, 2]).tolist() == [0.125, 0.5, 0.875]
    # Of 1, 1, 2, 3 the tied pair gets the middle of its two positions.
    assert quantile([1], [1, 1, 2, 3])[0] == 0.25


def test_tail_by_hand():
    normal = np.arange(1, 11)  # 90 % quantile 9, mean excess of 9 and 10 over it: 0.5; position of 10: 0.95
    assert quantile([10.5], normal)[0] == pytest.approx(1 - 0.05 / 2)


@pytest.mark.parametrize("normal", [np.random.default_rng(0).gamma(1.0, size=500), np.full(20, 3.0), np.zeros(1)])
def test_strictly_monotone_everywhere(normal):
    scores = np.unique(np.concatenate([np.linspace(-50, 50, 1001), np.geomspace(50, 1e6, 1000)]).astype(np.float32))
    calibrated = quantile(scores, normal)
    assert (np.diff(calibrated) > 0).all()
    assert calibrated.min() > 0
    assert calibrated.max() < 1


def test_auc_is_left_exactly_as_it_was():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 3000)
    scores = rng.normal(size=3000) + 3 * labels
    assert auc(quantile(scores, rng.normal(size=300)), labels) == auc(scores, labels)


def test_each_fold_has_its_own_scale_and_minus_one_serves_all():
    rows = pd.DataFrame(
        {
            "role": ["test", "test"] + ["calibration"] * 4,
            "fold": [0, 1, 0, 0, 1, 1],
            "score": [5.0, 5.0, 4.0, 6.0, 14.0, 16.0],
        }
    )
    assert by_fold(rows, "score")[:2].tolist()[0] == 0.5
    assert by_fold(rows, "score")[1] < 0.25
    shared = rows.assign(fold=[0, 1, -1, -1, -1, -1])
    assert len(set(by_fold(shared, "score")[:2])) == 1
    with pytest.raises(UserError, match="fold 0 has no scores of role 'calibration'"):
        by_fold(rows[rows["role"] == "test"], "score")


def test_surprise_is_the_negative_log_p_value():
    assert surprise([0.5, 0.999]) == pytest.approx([np.log(2), np.log(1000)])
