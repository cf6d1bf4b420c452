"""Two bundles of one run on the same clips: what another precision or engine changes in scores, alarms and time.

Every frame of a clip is pushed through both, as a camera's. Scores are the causal ones; differences of ROC-AUC have
intervals by bootstrap over clips. What learns from labels was fitted on these clips for a bundle: its ROC-AUC flatters
it, on both sides.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from vad.data.frames import Clip
from vad.deploy.bundle import FittedBundle
from vad.features import engines
from vad.metrics.measures import Frames, interval, resamples
from vad.perception.feeding import camera_of

COLUMNS = ["detector", "ROC-AUC", "by the other", "difference", "low", "high", "normal in alarm", "by the other's"]


def scores(made: FittedBundle, clips: Sequence[Clip], stride: int = 1) -> tuple[pd.DataFrame, float]:
    """clip, frame, label and by detector ``<name>``, the causal score, and ``<name> over``, whether it is an alarm's,
    of every ``stride``-th frame; and the milliseconds of CPU time that one of these took."""
    rows, spent = [], 0.0
    for clip in tqdm(clips, desc=str(made.folder), unit="clip"):
        scorer, found, wanted = (
            made.open(camera_of(clip), stride=stride),
            [],
            (clip.stored - clip.stored[0]) % stride == 0,
        )
        for frame in clip.stored:
            image, started = clip.read(int(frame)), time.process_time()
            found += scorer.push(image, (frame - clip.stored[0]) / clip.fps)
            spent += time.process_time() - started
        found += scorer.close()
        for one, frame, label in zip(found, clip.stored[wanted], clip.labels[wanted], strict=True):
            row = {"clip": clip.name, "frame": frame, "label": label}
            for name, reading in one.readings.items():
                row |= {name: reading.causal, f"{name} over": reading.calibrated >= scorer.thresholds[name]}
            rows.append(row)
    return pd.DataFrame(rows), 1000 * spent / max(1, len(rows))


def differences(ours: pd.DataFrame, theirs: pd.DataFrame, count: int, confidence: float, seed: int) -> pd.DataFrame:
    """By detector (``COLUMNS``) what ``theirs`` has more than ``ours``, both as by :func:`scores`."""
    codes = pd.factorize(ours["clip"], sort=True)[0].astype(np.int64)
    weights, labels = resamples(codes.max() + 1, count, seed), ours["label"].to_numpy()
    rows = []
    for name in [column.removesuffix(" over") for column in ours if column.endswith(" over")]:
        one, other = (Frames(table[name].to_numpy(np.float64), labels, codes) for table in (ours, theirs))
        spread = interval(other.roc_auc(weights) - one.roc_auc(weights), confidence)
        areas = float(one.roc_auc()[0]), float(other.roc_auc()[0])
        alarms = [float(table.loc[labels == 0, f"{name} over"].mean()) for table in (ours, theirs)]
        rows.append([name, *areas, areas[1] - areas[0], *spread, *alarms])
    return pd.DataFrame(rows, columns=COLUMNS)


def times(ours: FittedBundle, theirs: FittedBundle, rounds: int = 50) -> pd.DataFrame:
    """Of each graph that both have and graphs run: the best milliseconds of one input by each, taken in turns."""
    rows = []
    other = {network.file: network for network in theirs.settings.networks}
    for network in [one for one in ours.settings.networks if other.get(one.file) == one]:
        x = {"x": np.zeros((1, 3, network.side, network.side), np.float32)}
        run: list[Callable[[dict], dict]] = [
            engines.load(made.folder / network.file, made.settings.engine) for made in (ours, theirs)
        ]
        best = [np.inf, np.inf]
        for turn in range(2 * rounds):
            started = time.perf_counter()
            run[turn % 2](x)
            best[turn % 2] = min(best[turn % 2], time.perf_counter() - started)
        shown = f"{network.file} {'+'.join(network.outputs)} {network.side}x{network.side}"
        rows.append([shown, best[0] * 1000, best[1] * 1000, best[0] / best[1]])
    return pd.DataFrame(rows, columns=["graph", "ms", "by the other", "times faster"])
