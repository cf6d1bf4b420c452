import numpy as np
import pandas as pd

from vad.visualization.scale import log_odds, shown


def test_log_odds_are_powers_of_ten() -> None:
    np.testing.assert_allclose(log_odds([0.5, 10 / 11, 1 / 101]), [0, 1, -2])


def test_level_and_alarm_come_from_each_folds_own_threshold() -> None:
    fused = pd.DataFrame(
        {
            "detector": "a",
            "clip": ["x", "x", "y", "z"],
            "scene": "01",
            "role": ["test", "test", "test", "calibration"],
            "fold": [0, 0, 1, -1],
            "calibrated": [0.6, 0.9, 0.9, 0.5],
        }
    )
    tuned = {"0": {"threshold": 0.9, "scenes": {}}, "1": {"threshold": 0.95, "scenes": {}}}
    table = shown(fused, {"per_scene": False, "detectors": {"a": tuned}})
    assert table["alarm"].tolist() == [False, True, False]
    np.testing.assert_allclose(table["level"], log_odds([0.9, 0.9, 0.95]))


def test_without_thresholds_nothing_is_an_alarm() -> None:
    fused = pd.DataFrame({"detector": "a", "role": "test", "fold": 0, "calibrated": [0.1, 0.999]})
    table = shown(fused, {})
    assert not table["alarm"].any()
    assert table["level"].isna().all()
