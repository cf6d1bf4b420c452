"""The data behind the plots: small tables in long form, one row per point, that ``dvc plots`` and the report draw.

Scores are drawn as normal deviates, the inverse normal distribution function of ``calibrated``: 0 is the median of
held-out normal video, 2 its 97.7 % quantile; one axis serves all detectors.
"""

import numpy as np
import pandas as pd

from vad.metrics.measures import curve, roc

POINTS = 200  # of a ROC or precision-recall curve
DENSITY_POINTS = 100
TIMELINE_POINTS = 60  # per clip and detector
TIMELINE_ROWS = 12_000


def roc_points(scores: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """fpr, tpr: at most 200 points of the ROC curve, evenly along fpr + tpr, so that steep parts keep their shape."""
    fpr, tpr = roc(scores, labels)
    along = fpr + tpr
    at = along if len(along) <= POINTS else np.linspace(0, 2, POINTS)
    return pd.DataFrame({"fpr": np.interp(at, along, fpr), "tpr": np.interp(at, along, tpr)}).round(4)


def precision_recall_points(scores: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """recall, precision: at most 200 points of the precision-recall curve, evenly in recall, not interpolated."""
    _, false, true = curve(scores, labels)
    recall, precision = true / true[-1], true / (true + false)
    first = np.unique(recall, return_index=True)[1]  # of each recall the highest threshold
    recall, precision = recall[first], precision[first]
    kept = np.unique(np.searchsorted(recall, np.linspace(recall[0], 1, POINTS)))
    return pd.DataFrame({"recall": recall[kept], "precision": precision[kept]}).round(4)


def densities(scores: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """class, deviate, density: Gaussian kernel density estimate (Scott's bandwidth) of each class on 100 points."""
    from scipy.special import ndtri

    deviates = ndtri(scores)
    grid = np.linspace(deviates.min(), deviates.max(), DENSITY_POINTS)
    parts = []
    for code, name in enumerate(("normal", "abnormal")):
        own = deviates[labels == code]
        if len(own):
            parts.append(pd.DataFrame({"class": name, "deviate": grid, "density": kernel_density(own, grid)}))
    return pd.concat(parts, ignore_index=True).round(4)


def kernel_density(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Gaussian kernel density estimate of (N,) ``values`` at ``places``, with Scott's bandwidth, at least 0.05."""
    width = max(values.std() * len(values) ** -0.2, 0.05)
    kernel = np.exp(-0.5 * ((places[:, None] - values) / width) ** 2).mean(axis=1)
    return kernel / (width * np.sqrt(2 * np.pi))


def confusion_cells(counts: dict[str, float]) -> pd.DataFrame:
    """actual, predicted, frames: the four cells of a confusion matrix from its tp, fp, fn, tn."""
    names = {"tn": ("normal", "normal"), "fp": ("normal", "abnormal"), "fn": ("abnormal", "normal")}
    names["tp"] = ("abnormal", "abnormal")
    cells = [(*names[key], int(counts[key])) for key in names]
    return pd.DataFrame(cells, columns=["actual", "predicted", "frames"])


def timeline(test: pd.DataFrame, fps: dict[str, float], points: int = TIMELINE_POINTS) -> pd.DataFrame:
    """clip, second, calibrated, label: at most ``points`` parts per clip, each with its highest score and label.

    Args:
        test: clip, frame, calibrated, label of one detector, sorted by clip and frame.
    """
    place, length = test.groupby("clip").cumcount(), test.groupby("clip")["frame"].transform("size")
    part = np.where(length > points, place * points // length, place)
    result = test.assign(part=part).groupby(["clip", "part"], as_index=False).agg(
        frame=("frame", "first"), calibrated=("calibrated", "max"), label=("label", "max")
    )  # fmt: skip
    second = (result["frame"] / result["clip"].map(fps).astype(float)).round(2)
    return result.assign(second=second, calibrated=result["calibrated"].round(4))[
        ["clip", "second", "calibrated", "label"]
    ]


def timeline_points(clips: int, detectors: int) -> int:
    """Points per clip that keep the timeline of so many clips and detectors small."""
    return int(np.clip(TIMELINE_ROWS // max(clips * detectors, 1), 10, TIMELINE_POINTS))
