"""``stages.compare_fusions``: each form's order of evidence, weights from other folds, the oracle's own calibration."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from stages.compare_fusions import FORMS, cross_fitted, frames_of, integrated, oracle
from vad.metrics.measures import auc
from vad.post_processing.fusion import Pool

MEAN = FORMS["mean surprise (Fisher)"]


def pool(seed: int = 0) -> Pool:
    rng = np.random.default_rng(seed)
    clips = np.repeat(np.arange(8), 40)
    labels = np.tile(np.arange(40) >= 20, 8).astype(int)
    return Pool(rng.exponential(size=(320, 3)) + np.outer(labels, [2.0, 0.0, 0.0]), labels, clips, clips % 4)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_rises_with_every_detector(name):
    low, high = (FORMS[name](np.array([[1.0, level]]), np.array([0.5, 0.5])) for level in (4.0, 5.0))
    assert high > low


def test_what_one_detector_finds_far_out_weighs_more_the_sharper_the_form():
    one, both = np.array([[8.0, 0.1]]), np.array([[4.3, 4.3]])
    half = np.array([0.5, 0.5])
    assert MEAN(one, half) < MEAN(both, half)
    assert FORMS["harmonic mean p"](one, half) > FORMS["harmonic mean p"](both, half)


def test_integrated_is_the_mean_over_all_powers():
    for p in (0.3, 0.01):
        mean, _ = quad(lambda k, p=p: k * p ** (k - 1), 0, 1)
        assert integrated(np.array([[-np.log(p)]]))[0, 0] == pytest.approx(mean, rel=1e-6)


def test_weights_are_of_other_folds():
    one = pool()
    changed = Pool(one.x, np.where(one.folds == 0, 1 - one.labels, one.labels), one.clips, one.folds)
    own = one.folds == 0
    np.testing.assert_array_equal(cross_fitted(one, MEAN)[own], cross_fitted(changed, MEAN)[own])
    assert not np.array_equal(cross_fitted(one, MEAN)[~own], cross_fitted(changed, MEAN)[~own])


def test_the_oracle_undoes_a_calibration_that_flattens_a_detector():
    one = pool()
    flat = Pool(one.x * [0.05, 1, 1], one.labels, one.clips, one.folds)
    form = FORMS["mean of p^-1/2"]
    assert auc(oracle(flat, form), flat.labels) > auc(cross_fitted(flat, form), flat.labels) + 0.05


def test_frames_of_one_type_are_judged_with_all_normal_ones():
    keys = pd.DataFrame({"clip": list("aaabb"), "frame": [0, 1, 2, 0, 1], "label": [0, 1, 1, 0, 1]})
    event = pd.DataFrame({"clip": ["a"], "first_frame": [1], "last_frame": [1]})
    assert frames_of(keys, event).tolist() == [True, True, False, True, False]
