from functools import partial

import numpy as np
import pytest

from vad.metrics.measures import auc
from vad.post_processing.fusion import Params, Pool, by_merit, confidence, cross_fitted, logistic, rules

PARAMS = Params(detectors="all", ridge=0.1)


def pool(strengths: list[float], clips: int = 12, size: int = 100, folds: int = 4, seed: int = 0) -> Pool:
    """Surprises of detectors of given strengths; every clip shifts every detector by a little."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(clips), size)
    labels = (np.tile(np.arange(size), clips) >= size // 2).astype(int)
    labels[codes == 0] = 1  # a wholly abnormal clip
    shift = rng.normal(0, 0.3, (clips, len(strengths)))[codes]
    x = np.abs(rng.normal(size=(len(codes), len(strengths))) + shift + labels[:, None] * np.array(strengths))
    return Pool(x, labels, codes, codes % folds)


def pooled(pool: Pool, by_fold: dict) -> float:
    scores = np.empty(len(pool.labels))
    for fold, rule in by_fold.items():
        own = pool.folds == fold
        scores[own] = rule.apply(pool.x[own])
    return auc(scores, pool.labels)


def test_fusion_is_not_drowned_by_weak_detectors():
    weak = pool([4.0, *[0.0] * 9])
    best = max(auc(weak.x[:, d], weak.labels) for d in range(10))
    found = rules(weak, "clean", PARAMS, seed=0)
    assert pooled(weak, found["fusion_mean"]) < best - 0.02
    assert pooled(weak, found["fusion"]) >= best - 0.01


def test_fusion_gains_where_detectors_add_up():
    equals = pool([1.5] * 8)
    best = max(auc(equals.x[:, d], equals.labels) for d in range(8))
    assert pooled(equals, rules(equals, "clean", PARAMS, seed=0)["fusion"]) > best + 0.05


def test_clean_rules_do_not_see_their_own_fold():
    one = pool([2.0, 1.5, 0.5], folds=3)
    changed = Pool(one.x, np.where(one.folds == 0, 1 - one.labels, one.labels), one.clips, one.folds)
    before, after = (rules(p, "clean", PARAMS, seed=0) for p in (one, changed))
    for name in ("fusion", "fusion_logistic"):
        assert np.array_equal(before[name][0].weights, after[name][0].weights)
    assert not np.array_equal(before["fusion_logistic"][1].weights, after["fusion_logistic"][1].weights)


def test_paper_fits_on_the_frames_it_scores():
    rng = np.random.default_rng(0)
    labels, clips = np.tile([0, 1], 100), np.repeat(np.arange(10), 20)
    noise = Pool(np.abs(rng.normal(size=(200, 40))), labels, clips, np.zeros(200, int))
    leak = pooled(noise, rules(noise, "paper", PARAMS, seed=0)["fusion_logistic"])
    honest = Pool(noise.x, labels, clips, clips % 5)
    assert leak > pooled(honest, rules(honest, "clean", PARAMS, seed=0)["fusion_logistic"]) + 0.1


def test_one_class_reads_no_labels():
    one = pool([2.0, 0.0])
    flipped = Pool(one.x, 1 - one.labels, one.clips, one.folds)
    for p in (one, flipped):
        found = rules(p, "one_class", PARAMS, seed=0)
        assert set(found) == {"fusion", "fusion_mean", "fusion_max"}
        assert all(rule.weights.tolist() == [0.5, 0.5] for rule in found["fusion"].values())


def test_a_fold_whose_permitted_frames_are_of_one_class_gets_the_mean():
    labels = np.array([1, 1, 0, 1])
    two = Pool(np.random.default_rng(0).random((4, 2)), labels, np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]))
    found = rules(two, "clean", PARAMS, seed=0)
    assert found["fusion"][1].name == "mean"  # fold 0 has abnormal frames only
    assert found["fusion"][0].name != "mean" or found["fusion"][0].weights.sum() == 1


def test_by_merit_weighs_by_what_exceeds_chance():
    labels = np.array([0, 0, 1, 1])
    x = np.array([[1, 1, 4, 1], [2, 3, 3, 1], [3, 2, 2, 1], [4, 4, 1, 1]], float)  # AUC 1, 0.75, 0, 0.5
    assert by_merit(x, labels).weights == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert by_merit(x[:, 2:], labels).weights.tolist() == [0.5, 0.5]


def test_logistic_has_no_negative_weight_and_equals_scikit_learn_inside():
    from sklearn.linear_model import LogisticRegression

    one = pool([2.0, 1.0])
    rule = logistic(one.x, one.labels, ridge=0.1)
    z = (one.x - one.x.mean(axis=0)) / one.x.std(axis=0)
    # Balanced weights sum to N there and to 1 here: C = 1 / (ridge x N).
    reference = LogisticRegression(C=1 / (0.1 * len(z)), class_weight="balanced", tol=1e-8).fit(z, one.labels).coef_[0]
    reference /= one.x.std(axis=0)
    assert rule.weights == pytest.approx(reference / reference.sum(), abs=1e-3)
    backwards = logistic(np.column_stack([one.x[:, 0], -one.x[:, 0]]), one.labels, ridge=0.1)
    assert backwards.weights.tolist() == [1.0, 0.0]


def test_confidence_is_how_far_other_clips_would_confirm_a_lead():
    rng = np.random.default_rng(0)
    clips, labels = np.repeat(np.arange(10), 20), np.tile([0, 1], 100)
    good, rival, poor = (rng.normal(size=200) + strength * labels for strength in (2, 2, 0))
    assert confidence(good, poor, labels, clips, seed=0) == 1
    assert confidence(poor, good, labels, clips, seed=0) == 0
    assert confidence(good, good * 2, labels, clips, seed=0) == 0.5
    assert 0 < confidence(good, rival, labels, clips, 0) < 1
    assert confidence(good, rival, labels, clips, 0) + confidence(rival, good, labels, clips, 0) == pytest.approx(1)
    assert confidence(good, poor, np.zeros(200, int), clips, seed=0) == 0  # nothing to judge by


@pytest.mark.parametrize("fit", [by_merit, partial(logistic, ridge=0.1)])
@pytest.mark.parametrize("folds", [1, 2])
def test_weights_are_judged_on_clips_they_did_not_see(fit, folds):
    """Forty detectors that know nothing: judged on their own clips, weights fitted to noise always win."""
    rng = np.random.default_rng(0)
    labels, clips = np.tile([0, 1], 160), np.repeat(np.arange(8), 40)
    own, others = [], []
    for _ in range(6):
        noise = Pool(np.abs(rng.normal(size=(320, 40))), labels, clips, clips % folds)
        own.append(auc(fit(noise.x, labels).apply(noise.x), labels))
        others.append(auc(cross_fitted(noise, fit), labels))
    assert min(own) > 0.55
    assert np.mean(others) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_folds_that_find_equals_pool_as_well_as_the_mean(seed):
    equals = pool([4.0, 4.0, 3.5], clips=6, size=60, folds=2, seed=seed)
    found = rules(equals, "clean", PARAMS, seed=0)
    assert pooled(equals, found["fusion"]) >= pooled(equals, found["fusion_mean"]) - 0.005
