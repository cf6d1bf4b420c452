"""Whether a false-alarm budget keeps its word: promised on some clips of normal video, observed on others, many times.

Whole clips are dealt, so that blocks of one clip, which are alike, are never on both sides.
"""

from collections.abc import Sequence

import numpy as np

from vad.post_processing import budget


def repeated(
    blocks: budget.Blocks, budgets: Sequence[float], count: int, confidence: float, seed: int
) -> list[dict[str, float]]:
    """Promise each budget on a random half of the clips and count the alarms on the other half, ``count`` times.

    Returns:
        For every budget: ``alarms_per_hour`` asked for; ``promised`` and ``observed``, alarms per hour, means over
        splits; ``low`` and ``high``, the mean interval of what may be observed; ``within``, the share of splits whose
        count lies in its interval; ``refused``, the share of splits that had too little video. Promises that are
        refused are left out of the rest, which is NaN where all are.
    """
    rng = np.random.default_rng(seed)
    names = np.unique(blocks.clips.astype(str))
    halves = [np.isin(blocks.clips.astype(str), rng.permutation(names)[: len(names) // 2]) for _ in range(count)]
    return [_of_budget(blocks, wanted, halves, confidence) for wanted in budgets]


def _of_budget(blocks: budget.Blocks, wanted: float, halves: list[np.ndarray], confidence: float) -> dict[str, float]:
    rows = []
    for half in halves:
        promise, rest = budget.within(blocks.take(half), wanted, confidence), blocks.take(~half)
        if promise.refused is None:
            alarms = int((rest.highest >= promise.threshold).sum())
            low, high = budget.expected_count(promise, len(rest), confidence)
            rows.append(
                (
                    promise.alarms_per_hour,
                    alarms / rest.hours,
                    low / rest.hours,
                    high / rest.hours,
                    low <= alarms <= high,
                )
            )
    means = np.mean(rows, axis=0) if rows else np.full(5, np.nan)
    keys = ("promised", "observed", "low", "high", "within")
    return {
        "alarms_per_hour": float(wanted),
        **dict(zip(keys, (float(mean) for mean in means), strict=True)),
        "refused": 1 - len(rows) / len(halves),
    }
