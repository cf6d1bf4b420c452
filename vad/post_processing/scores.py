"""The table of one detector's scores, the first thing that post-processing sees."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vad.pipeline.results import LIVE

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "clip": "string", "frame": "int64", "role": "string", "fold": "string", "label": "int8", "score": "double",
    "calibrated": "double",
}  # fmt: skip


def table(test: "Sequence[pd.DataFrame]", normal: "pd.DataFrame") -> "pd.DataFrame":
    """``data/scores/<detector>.parquet``: clip, frame, role, fold, label, score, calibrated, and ``live`` if given.

    ``calibrated`` is the quantile of the raw score among the same fold's held-out normal frames.

    Args:
        test: clip, frame, fold (the fit's name), label, score of the test frames, in parts. normal: the same of the
            held-out normal frames, by every fit.
    """
    import numpy as np
    import pandas as pd

    from vad.post_processing.calibration import quantile

    every = pd.concat([normal.assign(role="calibration"), *(part.assign(role="test") for part in test)])
    parts = []
    for fold, part in every.groupby("fold", sort=True):
        held_out = normal.loc[normal["fold"] == fold, "score"].to_numpy(np.float64)
        parts.append(part.assign(calibrated=quantile(part["score"].to_numpy(np.float64), held_out)))
    columns = [*COLUMNS, *(column for column in [LIVE] if column in every)]
    return pd.concat(parts)[columns].sort_values(["role", "fold", "clip", "frame"], ignore_index=True)
