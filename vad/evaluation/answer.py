"""The answer to the title: which detector to trust, at which threshold, what to expect of it and what it will miss.

Everything is on causal scores (smoothed by the past alone), at the threshold of the false-alarm budget, with alarms
that start in or just before an event. Delays run until a camera's score is there: its latency is in them. Counts come
with exact intervals. Whether a kind of event is noticed is said where the interval of its share lies above or below one
half; else the number of events is too small to say.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from vad.evaluation import agreement, choice, comparison
from vad.metrics import alarms, intervals
from vad.metrics.measures import resamples
from vad.post_processing import budget, calibration

FUSION = "fusion"  # what is taken where no label may choose
TO_REVIEW = 10


@dataclass(frozen=True)
class Run:
    """What a run left behind.

    Attributes:
        rows: detector -> its rows of the fused table, test and calibration.
        tuned: detector -> fold -> values of ``vad.post_processing.thresholds.tune``.
        fps: per clip; events: clip, first_frame, last_frame, type; empty where unknown.
        alarms_per_hour, block_seconds, merge_seconds: of section ``thresholds``.
        choose: whether labels of test clips may choose among detectors (the protocols but ``one_class``).
        confidence, resamples, seed: of the intervals.
        latency: detector -> clip -> seconds by which a frame's score comes later than the frame; 0 where not given.
    """

    rows: dict[str, pd.DataFrame]
    tuned: dict[str, dict]
    fps: dict[str, float]
    events: pd.DataFrame
    alarms_per_hour: float
    block_seconds: float
    merge_seconds: float
    choose: bool
    confidence: float
    resamples: int
    seed: int
    latency: dict[str, dict[str, float]] = field(default_factory=dict)


def answer(run: Run) -> dict:
    """All of the answer.

    Returns:
        ``labels``: whether test clips have both classes; ``confidence``; ``alarms_per_hour``: the budget, counted by
        ``block_seconds``; ``trust``: ``detector``, ``why`` ("chosen", "declared" or "alone") and the fields of
        ``choice.Choice`` where chosen; ``set``: detectors that cannot be told from the best; ``comparison``:
        test_clips, said, separated; ``overall`` and ``scenes``: see :func:`card`; ``types``: see :func:`by_type`;
        ``agreement`` and ``review``: see ``vad.evaluation.agreement``.
    """
    tests = {name: _test(rows) for name, rows in run.rows.items()}
    labelled = any(rows["label"].nunique() == 2 for rows in tests.values())
    compared = _compared(tests, run) if labelled else None
    trust = _trust(tests, compared, run)
    name = trust["detector"]
    live = _live(run.rows[name], run.tuned[name], run.latency.get(name, {}))
    scenes = sorted(live.loc[live["role"] == "test", "scene"].astype(str).unique())
    moments = agreement.to_review(tests, name, run.fps, run.block_seconds / 2, TO_REVIEW)
    return {
        "labels": labelled,
        "confidence": run.confidence,
        "alarms_per_hour": run.alarms_per_hour,
        "block_seconds": run.block_seconds,
        "trust": trust,
        "set": compared["set"] if compared else [],
        "comparison": {key: compared[key] for key in ("test_clips", "said", "separated")} if compared else None,
        "overall": card(live, run, labelled),
        "scenes": {scene: _of_scene(scene, live, tests, trust, run, labelled) for scene in scenes},
        "types": by_type(live, run) if labelled else {},
        "agreement": agreement.agreement(tests),
        "review": moments,
    }


def card(live: pd.DataFrame, run: Run, labelled: bool) -> dict:
    """What to expect of one detector, on all of ``live`` (see :func:`_live`) or on one scene's part.

    Returns:
        ``clips``; ``threshold`` on the calibrated scale; ``promise``: as ``budget.Promise`` of these rows' own held-out
        normal video, None where there is none; with labels also ``seen``: false ``alarms`` in ``hours`` of normal test
        video, their ``rate`` with ``low`` and ``high``; and ``events``: as :func:`noticed`, with the ``latency`` in
        seconds that its delays hold.
    """
    test, normal = live[live["role"] == "test"], live[live["role"] == "calibration"]
    made = _promise(normal, run)
    result = {"clips": test["clip"].nunique(), "threshold": float(test["limit"].median()), "promise": made}
    if not labelled:
        return result
    test = test.sort_values(["clip", "frame"], ignore_index=True)
    footage, labels = alarms.Footage.of(test, run.fps), test["label"].to_numpy()
    over, hours = (test["live"] >= test["limit"]).to_numpy(), footage.hours(test["label"].to_numpy() == 0)
    rate = alarms.false_alarms_per_hour(over, labels, footage, run.merge_seconds) if hours else np.nan
    count = round(rate * hours) if hours else 0
    low, high = intervals.rate(count, hours, run.confidence)
    result["seen"] = {"alarms": count, "hours": hours, "rate": rate, "low": low, "high": high}
    late = test["late"].to_numpy()
    delays = alarms.delays(over, test, footage, _events(run, test), run.merge_seconds, late)
    result["events"] = noticed(delays, run.confidence) | {"latency": float(np.median(late))}
    return result


def noticed(delays: np.ndarray, confidence: float) -> dict:
    """Events noticed: ``noticed`` of ``total`` with ``low`` and ``high`` of the share; the median ``delay`` in seconds
    with ``delay_low`` and ``delay_high``; and the ``verdict``: notices, blind, or unsaid."""
    found = delays[np.isfinite(delays)]
    low, high = intervals.share(len(found), len(delays), confidence)
    delay_low, delay_high = intervals.median(found, confidence)
    return {
        "noticed": len(found),
        "total": len(delays),
        "low": low,
        "high": high,
        "delay": float(np.median(found)) if len(found) else None,
        "delay_low": delay_low,
        "delay_high": delay_high,
        "verdict": "notices" if low > 0.5 else "blind" if high < 0.5 else "unsaid",
    }


def by_type(live: pd.DataFrame, run: Run) -> dict[str, dict]:
    """Type of event -> :func:`noticed`; empty where events have no types."""
    if run.events.empty or "type" not in run.events:
        return {}
    test = live[live["role"] == "test"].sort_values(["clip", "frame"], ignore_index=True)
    footage, over = alarms.Footage.of(test, run.fps), (test["live"] >= test["limit"]).to_numpy()
    result = {}
    for kind, own in sorted(run.events.groupby("type"), key=lambda item: str(item[0])):
        delays = alarms.delays(over, test, footage, own, run.merge_seconds, test["late"].to_numpy())
        if len(delays):
            result[str(kind)] = noticed(delays, run.confidence)
    return result


def _test(rows: pd.DataFrame) -> pd.DataFrame:
    test = rows[rows["role"] == "test"].sort_values(["clip", "frame"], ignore_index=True)
    return test.astype({"clip": str, "scene": str})


def _live(rows: pd.DataFrame, tuned: dict[str, dict], latency: dict[str, float]) -> pd.DataFrame:
    """One detector's rows with ``live``, the calibrated causal score, ``limit``, the budget's threshold, and ``late``,
    the seconds after the frame at which both are known."""
    rows = rows.assign(live=calibration.by_fold(rows, "causal")).astype({"clip": str, "scene": str, "role": str})
    limits = {int(fold): values["budget"] for fold, values in tuned.items()}
    return rows.assign(limit=rows["fold"].map(limits), late=alarms.late(rows, latency))


def _promise(normal: pd.DataFrame, run: Run) -> dict | None:
    """Of the first fold's held-out normal video: a detector fitted once has just one."""
    if normal.empty:
        return None
    normal = normal[normal["fold"] == normal["fold"].min()]
    made = budget.within(budget.cut(normal, run.fps, "live", run.block_seconds), run.alarms_per_hour, run.confidence)
    return dict(vars(made))


def _own_limits(here: pd.DataFrame, run: Run) -> pd.DataFrame:
    """One scene's rows with the scene's own thresholds for ``limit``, if its held-out video can promise them."""
    normal = here[here["role"] == "calibration"]
    own = {int(fold): made for fold, rows in normal.groupby("fold") if (made := _promise(rows, run)) is not None}
    folds = here["fold"].where(here["fold"].isin(list(own)), -1)
    if not own or any(made["refused"] for made in own.values()) or not folds.isin(list(own)).all():
        return here
    return here.assign(limit=folds.map({fold: made["threshold"] for fold, made in own.items()}))


def _events(run: Run, test: pd.DataFrame) -> pd.DataFrame:
    return run.events if len(run.events) else alarms.label_events(test)


def _compared(tests: dict[str, pd.DataFrame], run: Run) -> dict | None:
    clips = sorted(set.union(*(set(rows["clip"]) for rows in tests.values())))
    weights = resamples(len(clips), run.resamples, run.seed)
    found = comparison.Differences.of(tests, "calibrated", clips, weights)
    return comparison.compare(found, run.confidence) if found.names else None


def _trust(tests: dict[str, pd.DataFrame], compared: dict | None, run: Run) -> dict:
    names = compared["detectors"] if compared else sorted(tests)
    if len(names) == 1:
        return {"detector": names[0], "why": "alone"}
    if not compared or not run.choose or compared["test_clips"] < 2:
        return {"detector": FUSION if FUSION in tests else names[0], "why": "declared"}
    weights = resamples(compared["test_clips"], run.resamples, run.seed)
    made = choice.cross_fitted({name: tests[name] for name in names}, weights, run.confidence)
    return {"why": "chosen", **vars(made)}


def _of_scene(
    scene: str, live: pd.DataFrame, tests: dict[str, pd.DataFrame], trust: dict, run: Run, labelled: bool
) -> dict:
    """The trusted detector's :func:`card` in one scene, and what its clips say about the others.

    The threshold is the scene's own where its own held-out normal video can promise the budget, else the overall one.
    Adds ``said``, whether the scene's clips can tell detectors apart at all, and ``better``: those that beat the
    trusted one there by more than chance.
    """
    here = live[live["scene"] == scene]
    result = card(_own_limits(here, run), run, labelled) | {"said": False, "better": []}
    own = {name: rows[rows["scene"] == scene] for name, rows in tests.items()}
    if labelled and run.choose and (compared := _compared(own, run)):
        beaten = [pair for pair in compared["separated"] if pair["worse"] == trust["detector"]]
        result |= {"said": compared["said"], "better": [pair["better"] for pair in beaten]}
    return result
