import numpy as np
import pandas as pd
import pytest

from vad.evaluation import comparison
from vad.metrics.measures import Frames, resamples


def scored(strengths: dict[str, float], clips: int = 30, frames: int = 40, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Test frames of detectors that share each clip's luck; half of each clip is abnormal."""
    rng = np.random.default_rng(seed)
    label = np.tile(np.arange(frames) >= frames // 2, clips).astype(int)
    clip = np.repeat([f"c{i:03d}" for i in range(clips)], frames)
    luck = np.repeat(rng.normal(size=clips), frames)
    return {
        name: pd.DataFrame(
            {"clip": clip, "label": label, "x": luck + strength * label + 0.7 * rng.normal(size=len(label))}
        )
        for name, strength in strengths.items()
    }


def compared(tests: dict[str, pd.DataFrame], count: int = 400) -> dict:
    clips = sorted(next(iter(tests.values()))["clip"].unique())
    return comparison.compare(
        comparison.Differences.of(tests, "x", clips, resamples(len(clips), count, 0)), confidence=0.95
    )


def test_the_better_of_two_is_told_from_the_worse_and_equals_are_not():
    made = compared(scored({"strong": 2.0, "alike": 2.0, "weak": 0.5}))
    assert made["detectors"][2] == "weak"
    assert {(own["better"], own["worse"]) for own in made["separated"]} == {("strong", "weak"), ("alike", "weak")}
    assert set(made["set"]) == {"strong", "alike"}
    beats = np.array(made["beats"])
    assert beats[0, 2] > 0.99
    assert np.allclose(beats + beats.T, 1)


def test_few_clips_say_nothing():
    made = compared(scored({"strong": 3.0, "weak": 0.0}, clips=5))
    assert made["said"] is False
    assert made["set"] == ["strong", "weak"]
    assert made["separated"] == []


def test_paired_differences_are_those_of_the_same_resamples():
    tests = scored({"a": 1.0, "b": 0.8}, clips=8)
    clips, weights = sorted(tests["a"]["clip"].unique()), resamples(8, 50, 3)
    found = comparison.Differences.of(tests, "x", clips, weights)
    codes = pd.factorize(tests["a"]["clip"], sort=True)[0]
    for place, name in enumerate(found.names):
        own = Frames(tests[name]["x"].to_numpy(), tests[name]["label"].to_numpy(), codes)
        assert np.array_equal(found.drawn[:, place], own.roc_auc(weights))


def test_step_down_of_a_single_difference_is_the_bootstrap_test():
    rng = np.random.default_rng(0)
    drawn = 0.1 + 0.05 * rng.normal(size=(999, 1))
    p = comparison.step_down(np.array([0.1]), drawn)[0]
    assert p == pytest.approx(((np.abs(drawn - 0.1) >= 0.1).sum() + 1) / 1000)


def test_multiplicity_is_paid_for_but_less_than_by_bonferroni_where_differences_are_alike():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(2000, 1))
    alike = 0.02 + 0.01 * (common + 0.1 * rng.normal(size=(2000, 10)))
    single = comparison.step_down(np.full(1, 0.02), alike[:, :1])[0]
    ten = comparison.step_down(np.full(10, 0.02), alike).max()
    assert single < ten < 4 * single


def test_family_wise_error_stays_at_its_level():
    """Among equal detectors, one false "A beats B" in any pair comes in about 5 % of data sets at most."""
    false = 0
    for seed in range(60):
        equals = scored(dict.fromkeys("abcd", 1.0), clips=25, frames=10, seed=seed)
        false += bool(compared(equals, 200)["separated"])
    assert false <= 8  # P(more | 5 %) = 0.5 %


def test_clips_needed_is_the_z_test_of_textbooks():
    # d = 0.1, sd of one clip 0.5: (1.96 + 0.84)^2 * 0.25 / 0.01 = 196.2
    assert comparison.clips_needed(np.array([0.1, 0.0]), np.full(2, 0.5 / 5), 25, 0.95).tolist() == [197, np.inf]


def test_a_detector_that_missed_a_clip_is_left_out():
    tests = scored({"a": 1.0, "b": 1.0})
    tests["b"] = tests["b"][tests["b"]["clip"] != "c003"]
    clips = sorted(tests["a"]["clip"].unique())
    assert comparison.Differences.of(tests, "x", clips, resamples(len(clips), 10, 0)).names == ["a"]
