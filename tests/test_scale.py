import numpy as np
import pandas as pd

from vad.post_processing.calibration import quantile
from vad.visualization.scale import decided, log_odds, ranked


def test_log_odds_are_powers_of_ten() -> None:
    np.testing.assert_allclose(log_odds([0.5, 10 / 11, 1 / 101]), [0, 1, -2])


def test_level_and_alarm_come_from_each_folds_own_threshold() -> None:
    fused = pd.DataFrame(
        {
            "detector": "a",
            "clip": ["x", "x", "y", *["z"] * 10],
            "scene": "01",
            "role": [*["test"] * 3, *["calibration"] * 10],
            "fold": [0, 0, 1, *[-1] * 10],
            "causal": [6.0, 8.9, 8.9, *range(10)],  # quantiles 0.65 and 0.94
            "calibrated": 0.999,
        }
    )
    tuned = {"0": {"threshold": 0.9, "scenes": {}}, "1": {"threshold": 0.95, "scenes": {}}}
    table = decided(fused, {"per_scene": False, "detectors": {"a": tuned}})
    assert table["alarm"].tolist() == [False, True, False]
    np.testing.assert_allclose(table["level"], log_odds([0.9, 0.9, 0.95]))
    np.testing.assert_allclose(table["shown"], log_odds(quantile([6.0, 8.9, 8.9], np.arange(10))))
    np.testing.assert_allclose(ranked(fused)["shown"], log_odds([0.999] * 3))


def test_without_thresholds_nothing_is_an_alarm() -> None:
    fused = pd.DataFrame({"detector": "a", "role": ["test", "calibration"], "fold": 0, "causal": [0.1, 0.999]})
    table = decided(fused, {})
    assert not table["alarm"].any()
    assert table["level"].isna().all()
