"""A threshold that keeps to a false-alarm budget, and what so much normal video can promise about it.

Frames of one scene are far from independent: a hundred frames of the same passer-by are one piece of evidence. The unit
here is a block, some 20 s of held-out normal video, or a whole clip where clips are shorter; a block is in alarm where
any of its frames reaches the threshold, and is counted once.

Set the threshold just above the k-th highest of n blocks' highest scores. If coming blocks of normal video are
exchangeable with these, one is in alarm with probability k / (n + 1) at most, whatever the detector and however its
scores are distributed (split conformal prediction: Vovk, Gammerman & Shafer 2005; Papadopoulos et al. 2002). That is
the promise. The share of blocks that this very threshold sets off in the long run is one draw of Beta(k, n + 1 - k)
(Vovk 2012, "Conditional validity of inductive conformal predictors"), which is the promise's interval, and the number
among m coming blocks is beta-binomial, which is what an observer may see.

There is no model of a tail, so nothing is extrapolated: the least that can be promised is 1 / (n + 1) of the blocks. A
budget of r alarms per hour therefore needs about 1 / r hours of held-out normal video, and with less it is refused.
What exchangeability leaves out is said by no number: another season, a camera that was moved, a market day.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from vad.metrics.alarms import Footage

MOST = 0.5  # of the blocks may be in alarm: below such a threshold an alarm tells nothing


@dataclass(frozen=True)
class Blocks:
    """Stretches of normal video, each counted once.

    Attributes:
        highest: (n,) highest score in each; seconds: (n,) how long each is; clips: (n,) names of their clips.
    """

    highest: np.ndarray
    seconds: np.ndarray
    clips: np.ndarray

    def __len__(self) -> int:
        return len(self.highest)

    @property
    def hours(self) -> float:
        """Of video, all blocks together."""
        return float(self.seconds.sum() / 3600)

    def take(self, rows: np.ndarray) -> "Blocks":
        """The blocks ``rows`` (bool)."""
        return Blocks(self.highest[rows], self.seconds[rows], self.clips[rows])


@dataclass(frozen=True)
class Promise:
    """A threshold and the false alarms that it will give.

    Attributes:
        threshold: an alarm is score >= threshold.
        alarms_per_hour: expected at most, of normal video, one a block; low, high: interval of the long-run rate.
        rank: k; blocks: n; minutes: of held-out normal video.
        refused: why the budget cannot be kept by what is known, and what would be needed; None where it can. The
            threshold then is above every held-out block and ``alarms_per_hour`` the least that can be promised.
    """

    threshold: float
    alarms_per_hour: float
    low: float
    high: float
    rank: int
    blocks: int
    minutes: float
    refused: str | None = None


def cut(rows: pd.DataFrame, fps: dict[str, float], column: str, seconds: float) -> Blocks:
    """Normal video cut into blocks.

    Every clip is cut into equal parts, as many as it has whole ``seconds``, at least one.

    Args:
        rows: clip, frame and ``column`` of normal frames; a clip's frames are taken for one stretch of video.
        fps: frames per second per clip; column: the scores that raise alarms.
    """
    rows = rows.sort_values(["clip", "frame"], ignore_index=True)
    footage, scores = Footage.of(rows, fps), rows[column].to_numpy(np.float64)
    highest, lasting, clips = [], [], []
    ends = np.flatnonzero(np.diff(footage.clips)) + 1
    for name, own in zip(pd.unique(rows["clip"]), np.split(np.arange(len(rows)), ends), strict=True):
        parts = max(1, int(footage.step[own].sum() / seconds + 1e-9))
        for part in np.array_split(own, parts):
            highest.append(scores[part].max())
            lasting.append(footage.step[part].sum())
            clips.append(name)
    return Blocks(np.array(highest), np.array(lasting), np.array(clips, dtype=object))


def within(blocks: Blocks, alarms_per_hour: float, confidence: float = 0.95) -> Promise:
    """The lowest threshold that can be promised to give at most ``alarms_per_hour`` false alarms.

    Args:
        blocks: of held-out normal video, at least one.
    """
    n = len(blocks)
    if not n:
        raise ValueError("a budget needs at least one block of held-out normal video")
    per_hour = n / blocks.hours  # blocks
    affordable = int(alarms_per_hour / per_hour * (n + 1) + 1e-9)
    rank = min(max(affordable, 1), max(1, int(MOST * n)))
    threshold = np.nextafter(np.sort(blocks.highest)[n - rank], np.inf)
    low, high = betaincinv(rank, n + 1 - rank, [(1 - confidence) / 2, (1 + confidence) / 2]) * per_hour
    minutes = 60 * blocks.hours
    return Promise(
        threshold=float(threshold),
        alarms_per_hour=rank / (n + 1) * per_hour,
        low=float(low),
        high=float(high),
        rank=rank,
        blocks=n,
        minutes=minutes,
        refused=None if affordable else refusal(alarms_per_hour, per_hour, minutes),
    )


def refusal(alarms_per_hour: float, blocks_per_hour: float, minutes: float) -> str:
    """One sentence: the budget cannot be promised from so little, and how much it needs."""
    needed = 60 * (1 / alarms_per_hour - 1 / blocks_per_hour)
    return (
        f"{alarms_per_hour:g} false alarms per hour cannot be promised from {minutes:.1f} minutes of held-out normal "
        f"video: {needed:.0f} are needed"
    )


def expected_count(promise: Promise, blocks: int, confidence: float) -> tuple[int, int]:
    """Interval of the number of alarms among so many coming blocks: beta-binomial, both ends included."""
    from scipy import stats  # half a second, which few stages need

    counts = stats.betabinom(blocks, promise.rank, promise.blocks + 1 - promise.rank)
    low, high = counts.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    return int(low), int(high)
