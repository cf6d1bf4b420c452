import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vad.evaluation import agreement


def scored() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    base = pd.DataFrame({"clip": np.repeat(["a", "b"], 100), "frame": np.tile(np.arange(100), 2), "scene": "01"})
    x = rng.random(200)
    return {
        "one": base.assign(calibrated=x),
        "same": base.assign(calibrated=x**3),
        "other": base.assign(calibrated=rng.random(200)),
    }


def test_rank_correlation_is_spearmans_and_the_overlap_that_of_the_top_frames():
    tests = scored()
    made = agreement.agreement(tests)
    assert made["detectors"] == ["one", "other", "same"]
    correlation, overlap = np.array(made["rank_correlation"]), np.array(made["overlap"])
    expected = stats.spearmanr(tests["one"]["calibrated"], tests["other"]["calibrated"]).statistic
    assert correlation[0, 1] == pytest.approx(expected)
    assert correlation[0, 2] == pytest.approx(1)
    assert overlap[0, 2] == 1
    top = {name: set(rows["calibrated"].nlargest(10).index) for name, rows in tests.items()}
    assert overlap[0, 1] == pytest.approx(len(top["one"] & top["other"]) / 10)


def test_only_frames_that_all_scored_are_compared():
    tests = scored()
    tests["other"] = tests["other"].iloc[:150]
    assert agreement.agreement(tests)["frames"] == 150


def test_moments_to_review_are_apart_and_say_who_agrees():
    tests = scored()
    tests["one"].loc[[50, 52, 150], "calibrated"] = [2.0, 1.9, 1.8]
    tests["other"].loc[50, "calibrated"] = 2.0
    moments = agreement.to_review(tests, "one", {"a": 10.0, "b": 10.0}, apart_seconds=1, most=3)
    assert [(own["clip"], own["frame"]) for own in moments[:2]] == [("a", 50), ("b", 50)]
    assert moments[0]["second"] == 5.0
    assert "other" in moments[0]["agree"]
    assert all(abs(a["second"] - b["second"]) >= 1 for a in moments for b in moments
               if a is not b and a["clip"] == b["clip"])  # fmt: skip
