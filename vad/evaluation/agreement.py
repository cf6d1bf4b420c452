"""What can be said of detectors without a single label: how far they agree, and what a person should look at first."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

TOP = 0.05  # of the frames: each detector's most unusual ones, whose overlap is told


def agreement(tests: dict[str, pd.DataFrame]) -> dict:
    """How alike detectors order the same frames.

    Args:
        tests: by detector: clip, frame, calibrated of its test frames. Only frames that all scored are compared.

    Returns:
        ``detectors``; ``rank_correlation``, D rows of D: Spearman's; ``overlap``, D rows of D: the share of one's most
        unusual 5 % of frames that are among the other's (5 % by chance); ``top``: that share of frames; ``frames``.
    """
    from scipy.stats import rankdata  # half a second, which few stages need

    names = sorted(tests)
    columns = [tests[name].set_index(["clip", "frame"])["calibrated"].rename(name) for name in names]
    scores = pd.concat(columns, axis=1, join="inner").to_numpy(np.float64)
    ranks = np.column_stack([rankdata(column) for column in scores.T])
    top = ranks > len(ranks) * (1 - TOP)
    together = top.T.astype(np.float64) @ top
    with np.errstate(invalid="ignore"):
        correlation = np.atleast_2d(np.corrcoef(ranks, rowvar=False)) if len(ranks) > 1 else np.full((1, 1), np.nan)
    return {
        "detectors": names,
        "frames": len(ranks),
        "top": TOP,
        "rank_correlation": correlation.tolist(),
        "overlap": (together / np.maximum(np.diag(together), 1)[:, None]).tolist(),
    }


def to_review(
    tests: dict[str, pd.DataFrame], by: str, fps: dict[str, float], apart_seconds: float, most: int
) -> list[dict]:
    """The most unusual moments, the most unusual first.

    Args:
        tests: as in :func:`agreement`, with scene; by: the detector whose scores order them.
        fps: per clip; apart_seconds: least distance between two moments of one clip.

    Returns:
        Per moment: ``clip``, ``scene``, ``frame``, ``second``, ``score`` (calibrated), and ``agree``: which other
        detectors have it among their own most unusual 5 % of frames.
    """
    rows = tests[by].sort_values(["calibrated", "clip", "frame"], ascending=[False, True, True])
    found: list[dict] = []
    for row in rows.itertuples():
        if len(found) == most:
            break
        second = row.frame / fps[row.clip]
        if all(own["clip"] != row.clip or abs(own["second"] - second) >= apart_seconds for own in found):
            moment = {"clip": row.clip, "scene": row.scene, "frame": row.frame, "second": second}
            found.append({**moment, "score": row.calibrated, "agree": []})
    for name, other in sorted(tests.items()):
        if name != by:
            _add_who_agrees(found, name, other)
    return found


def _add_who_agrees(found: Sequence[dict], name: str, rows: pd.DataFrame) -> None:
    limit = rows["calibrated"].quantile(1 - TOP)
    unusual = rows[rows["calibrated"] >= limit]
    keys = set(zip(unusual["clip"].astype(str), unusual["frame"], strict=True))
    for moment in found:
        if (moment["clip"], moment["frame"]) in keys:
            moment["agree"].append(name)
