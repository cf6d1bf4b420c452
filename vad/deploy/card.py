"""The card of a bundle: what it was fitted on, how well it ranks, what it catches and misses."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from vad.deploy.bundle import Engine, Settings
from vad.deploy.export import Decision
from vad.deploy.stream import FUSION
from vad.detectors.titles import title
from vad.evaluation import answer
from vad.metrics import alarms
from vad.metrics.measures import Frames, Params, interval, resamples
from vad.pipeline.params import Protocol


def card(
    decision: Decision,
    events: pd.DataFrame,
    measuring: Params,
    merge_seconds: float,
    models: dict[str, dict],
    latency: dict[str, float],
) -> dict:
    """``card.json``.

    Args:
        events: clip, first_frame, last_frame, type; models: detector -> its ``meta.json``;
        latency: clip -> seconds after a frame at which a camera's readings come: all at once, with the slowest's.

    Returns:
        ``detectors``: name -> title, weight in the fusion, threshold, ``roc_auc`` of causal scores with its interval,
        ``alarms``: see ``vad.evaluation.answer.card``, ``events``: type -> ``vad.evaluation.answer.noticed``;
        ``fitted_on``: name -> frames, scenes, protocol; ``blind``: types of events that the fusion does not notice;
        ``unsaid``: those about which too few events say anything; ``versions``.
    """
    detectors, overall = {}, decision.thresholds()[0]
    for name, rows in decision.live.items():
        live = rows.assign(limit=overall[name], late=alarms.late(rows, latency)).astype(
            {"clip": str, "scene": str, "role": str}
        )
        run = _run(decision, events, measuring, merge_seconds)
        labelled = live.loc[live["role"] == "test", "label"].nunique() == 2
        detectors[name] = {
            "title": title(name),
            "weight": decision.weights.get(name),
            "threshold": overall[name],
            **(_area(live, measuring, decision.seed) if labelled else {}),
            "alarms": answer.card(live, run, labelled),
            "events": answer.by_type(live, run) if labelled else {},
        }
    types = detectors[FUSION]["events"]
    return {
        "detectors": detectors,
        "fitted_on": {
            name: {key: meta[key] for key in ("frames", "scenes", "protocol")} for name, meta in models.items()
        },
        "blind": [kind for kind, found in types.items() if found["verdict"] == "blind"],
        "unsaid": [kind for kind, found in types.items() if found["verdict"] == "unsaid"],
        "versions": {name: version for meta in models.values() for name, version in meta["versions"].items()},
    }


def rounded(settings: Settings) -> dict:
    """What the card says of graphs in int8: ``int8``, their files; nothing where all are float32."""
    return {"int8": [one.file for one in settings.networks]} if settings.precision == "int8" else {}


def raced(times: dict[Engine, float]) -> dict:
    """What the card says of engines that were measured: ``engines``, milliseconds a frame; nothing if none was."""
    return {"engines": times} if times else {}


def _run(decision: Decision, events: pd.DataFrame, measuring: Params, merge_seconds: float) -> answer.Run:
    return answer.Run(
        rows=decision.live,
        tuned={},
        fps=decision.fps,
        events=events,
        alarms_per_hour=decision.tuning.alarms_per_hour,
        block_seconds=decision.tuning.block_seconds,
        merge_seconds=merge_seconds,
        choose=False,
        confidence=measuring.confidence,
        resamples=measuring.resamples,
        seed=decision.seed,
    )


def _area(live: pd.DataFrame, measuring: Params, seed: int) -> dict:
    test = live[live["role"] == "test"]
    codes, names = pd.factorize(test["clip"], sort=True)
    frames = Frames(test["live"].to_numpy(), test["label"].to_numpy(), codes.astype(np.int64))
    spread = frames.roc_auc(resamples(len(names), measuring.resamples, seed))
    low, high = interval(spread, measuring.confidence)
    return {"roc_auc": float(frames.roc_auc()[0]), "roc_auc_low": low, "roc_auc_high": high, "clips": len(names)}


def text(card: dict, protocol: Protocol) -> str:
    """``card.md``."""
    head = [
        "Detector",
        "Weight",
        "Threshold",
        "ROC-AUC, causal",
        "False alarms/h promised",
        "Events noticed",
        "Delay, s",
    ]
    lines = ["# Bundle", "", "| " + " | ".join(head) + " |", "| --- | ---: | ---: | --- | --- | --- | ---: |"]
    for one in card["detectors"].values():
        promise, events = one["alarms"]["promise"], one["alarms"].get("events")
        cells = [
            one["title"],
            _number(one["weight"], 2),
            f"{one['threshold']:.6g}",
            _with_interval(one, "roc_auc", 3),
            _promised(promise),
            f"{events['noticed']} of {events['total']}" if events else "-",
            _number(events["delay"], 1) if events else "-",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"Fitted under protocol {protocol}; metrics are cross-fitted, of fits that had not seen the clip."]
    if protocol != "one_class" and "roc_auc" in card["detectors"][FUSION]:
        lines[-1] += (
            " Members that were not named but chosen were chosen by their weights in the fusion, which come from "
            "labelled test frames: its ROC-AUC is cross-fitted for the weights but not for that choice."
        )
    if events := card["detectors"][FUSION]["alarms"].get("events"):
        lines += [
            "",
            "Delay: from the first frame of an event to its alarm, the median of those noticed; the "
            f"{events['latency']:.2f} s that a frame's readings wait for later frames are in it.",
        ]
    fits = card["fitted_on"].items()
    lines += ["", *(f"- {name}: {own['frames']} frames of {_list(own['scenes'])}" for name, own in fits)]
    lines += ["", f"Blind to: {_list(card['blind'])}. Too few events to say: {_list(card['unsaid'])}."]
    if "int8" in card:
        lines += [
            "",
            f"In int8: {_list(card['int8'])}. What is said above of scores and alarms was measured in float32; the "
            "held-out normal scores that calibrate are those of the int8 graphs. What int8 costs: docs/bundle.md.",
        ]
    if "engines" in card:
        taken = [f"{name} {own:.1f} ms" for name, own in card["engines"].items()]
        lines += [
            "",
            f"The fastest engine where this was made, a frame of all detectors at stored size: {_list(taken)}.",
        ]
    made = [f"{name} {version}" for name, version in sorted(card["versions"].items())]
    lines += ["", f"Made with {_list(made)}."]
    return "\n".join(lines) + "\n"


def _promised(promise: dict | None) -> str:
    if promise is None:
        return "-"
    line = f"{promise['alarms_per_hour']:.1f} ({promise['low']:.1f} to {promise['high']:.1f})"
    return line if not promise["refused"] else f"{line}; budget refused"


def _with_interval(values: dict, key: str, digits: int) -> str:
    if key not in values:
        return "-"
    return f"{values[key]:.{digits}f} ({values[f'{key}_low']:.{digits}f} to {values[f'{key}_high']:.{digits}f})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _list(values: list[str]) -> str:
    return ", ".join(values) or "none"


def write(folder: Path, values: dict, protocol: Protocol) -> None:
    """``card.md`` beside the ``card.json`` that the caller writes."""
    (folder / "card.md").write_text(text(values, protocol), encoding="utf-8")
