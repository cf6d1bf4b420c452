"""What more nodes would bring: the seconds of clips as measured here, dealt to nodes by a simulated scheduler.

Dask's scheduler is one process: what it costs per clip (``overhead``) is spent one clip after the other, whatever the
number of nodes. A node begins with its imports and the fitted model (``starting``), then takes the next clip whenever
it is free.
"""

import heapq
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vad.detectors import fitted, registry
from vad.detectors.scoring import Scoring
from vad.pipeline import cluster
from vad.pipeline.executor import map_clips
from vad.pipeline.results import MODELS
from vad.protocol.fitting import Plan


@dataclass(frozen=True)
class Nothing:
    """A work that takes no time, so that what is left is the fan-out's own."""

    def __call__(self, clip: str, folder: Path) -> str:
        """The clip's name."""
        return clip


def overhead(nodes: int, clips: int) -> float:
    """Seconds per clip that scheduler, client and a node spend beside the work, on ``nodes`` warm ones of this machine.

    Raises:
        UserError: distributed is not installed.
    """
    cluster.need_distributed()
    from distributed import LocalCluster

    names = [f"clip{number}" for number in range(clips)]
    options = {"processes": True, "threads_per_worker": 1, "dashboard_address": None, "memory_limit": 0}
    before = os.environ.get(cluster.SCHEDULER)
    with LocalCluster(n_workers=nodes, **options) as local:
        os.environ[cluster.SCHEDULER] = local.scheduler_address
        try:
            map_clips(Nothing(), names[: 10 * nodes], desc="warm up")
            started = time.perf_counter()
            map_clips(Nothing(), names, desc="nothing")
            return (time.perf_counter() - started) / clips
        finally:
            cluster.disconnect(local.scheduler_address)
            os.environ.pop(cluster.SCHEDULER)
            if before is not None:
                os.environ[cluster.SCHEDULER] = before


def seconds_per_clip(detector: str, most: int) -> tuple[np.ndarray, float]:
    """(C,) seconds of scoring each of at most ``most`` test clips here, and those until the first could begin."""
    started = time.perf_counter()
    plan = Plan.of(registry.declared(detector))
    fold = plan.folds[0]
    chosen = sorted(fold.test["clip"].unique())[:most]
    model = fitted.load_fitted(MODELS / detector)
    work = Scoring(model, fold.name, plan, fold.test[fold.test["clip"].isin(chosen)], maps=False)
    names = [clip.name for clip in work.clips.bare]
    work.key(names[0])
    work(names[0], Path())  # the first loads what the others find loaded
    ready = time.perf_counter() - started
    taken = []
    for name in names:
        began = time.perf_counter()
        work.key(name)
        work(name, Path())
        taken.append(time.perf_counter() - began)
    return np.array(taken), ready - taken[0]


def makespan(seconds: Sequence[float] | np.ndarray, nodes: int, overhead: float, starting: float = 0.0) -> float:
    """Seconds until the last of the clips is done, each by the node that is free first, in the given order.

    Args:
        seconds: of each clip's work; overhead: the scheduler's per clip, one after the other; starting: of every node.
    """
    free = [starting] * nodes
    scheduler = end = 0.0
    for own in seconds:
        scheduler = max(heapq.heappop(free), scheduler) + overhead
        heapq.heappush(free, scheduler + own)
        end = max(end, scheduler + own)
    return end


def simulated(seconds: np.ndarray, clips: int, nodes: int, overhead: float, starting: float) -> dict[str, float]:
    """``clips`` clips whose seconds are drawn from the measured ones: seconds, speed-up over one node, efficiency."""
    drawn = np.random.default_rng(0).choice(seconds, clips)
    alone, together = (makespan(drawn, count, overhead, starting) for count in (1, nodes))
    return {"seconds": together, "speed_up": alone / together, "efficiency": alone / together / nodes}
