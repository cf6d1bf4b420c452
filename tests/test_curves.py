import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_curve

from vad.evaluation.curves import (
    confusion_cells,
    densities,
    precision_recall_points,
    roc_points,
    timeline,
    timeline_points,
)
from vad.metrics.measures import auc


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 5000)
    return 1 / (1 + np.exp(-rng.normal(size=5000) - labels)), labels


def test_few_roc_points_keep_the_area(scored):
    points = roc_points(*scored)
    assert len(points) == 200
    assert np.trapezoid(points["tpr"], points["fpr"]) == pytest.approx(auc(*scored), abs=1e-3)


def test_precision_recall_points_lie_on_the_curve(scored):
    scores, labels = scored
    points = precision_recall_points(scores, labels)
    precision, recall, _ = precision_recall_curve(labels, scores)
    on_curve = set(zip(recall.round(4), precision.round(4), strict=True))
    assert 100 < len(points) <= 200
    assert set(zip(points["recall"], points["precision"], strict=True)) <= on_curve


def test_densities_integrate_to_one_and_are_apart(scored):
    table = densities(*scored)
    for _, own in table.groupby("class"):
        assert np.trapezoid(own["density"], own["deviate"]) == pytest.approx(1, abs=0.05)
    mode = {name: own.loc[own["density"].idxmax(), "deviate"] for name, own in table.groupby("class")}
    assert mode["abnormal"] > mode["normal"] + 0.3
    assert densities(np.full(4, 0.5), np.array([0, 0, 1, 1]))["density"].notna().all()


def test_confusion_cells_name_what_was_counted():
    cells = confusion_cells({"tp": 1, "fp": 2, "fn": 3, "tn": 4}).set_index(["actual", "predicted"])["frames"]
    assert cells["abnormal", "abnormal"] == 1
    assert cells["normal", "abnormal"] == 2
    assert cells["abnormal", "normal"] == 3
    assert cells["normal", "normal"] == 4


def test_timeline_keeps_peaks_and_short_clips():
    long = pd.DataFrame({"clip": "a", "frame": np.arange(100), "calibrated": 0.1, "label": 0})
    long.loc[57, ["calibrated", "label"]] = [0.9, 1]
    short = pd.DataFrame({"clip": "b", "frame": [3, 4], "calibrated": [0.2, 0.3], "label": 0})
    table = timeline(pd.concat([long, short]), {"a": 10.0, "b": 2.0}, points=10)
    assert table["clip"].value_counts().to_dict() == {"a": 10, "b": 2}
    peak = table.loc[table["calibrated"].idxmax()]
    assert (peak["second"], peak["calibrated"], peak["label"]) == (5.0, 0.9, 1)
    assert table.loc[table["clip"] == "b", "second"].tolist() == [1.5, 2.0]


def test_timeline_stays_small():
    assert timeline_points(16, 3) == 60
    assert timeline_points(107, 3) * 107 * 3 <= 12_000
