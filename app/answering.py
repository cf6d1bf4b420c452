"""The answer (data/answer.json) as tables: what to expect of the trusted detector, by camera and by type of event."""

import pandas as pd

from vad.detectors.titles import title

VERDICTS = {"notices": "noticed", "blind": "missed", "unsaid": "too few to say"}


def share(found: dict | None) -> str | None:
    """``12 of 20 [36 to 81 %]``; None where there are no events."""
    if not found or not found["total"]:
        return None
    return f"{found['noticed']} of {found['total']} [{100 * found['low']:.0f} to {100 * found['high']:.0f} %]"


def brief(value: float) -> str:
    """Two significant digits below ten, whole numbers above."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def rate(found: dict | None, key: str) -> str | None:
    """``70 [1.8 to 392]`` alarms an hour; None where there was no video to count them on."""
    if not found or found.get(key) is None:
        return None
    return f"{brief(found[key])} [{brief(found['low'])} to {brief(found['high'])}]"


def delay(found: dict | None) -> str | None:
    """``0.48 s [0.21 to 1.29]``; without the interval where there are too few."""
    if not found or found["delay"] is None:
        return None
    if found["delay_low"] is None or found["delay_high"] is None:
        return f"{found['delay']:.2f} s"
    return f"{found['delay']:.2f} s [{found['delay_low']:.2f} to {found['delay_high']:.2f}]"


def by_scene(scenes: dict[str, dict]) -> pd.DataFrame:
    """A row per camera; columns without a single value are left out."""
    rows = [
        {
            "Camera": scene,
            "Test clips": own["clips"],
            "Events noticed": share(own.get("events")),
            "Delay": delay(own.get("events")),
            "False alarms an hour, seen": rate(own.get("seen"), "rate"),
            "False alarms an hour, promised": rate(own["promise"], "alarms_per_hour"),
            "The budget": "kept" if own["promise"] and not own["promise"]["refused"] else "cannot be promised",
            "Better there": _better(own),
        }
        for scene, own in scenes.items()
    ]
    return pd.DataFrame(rows).dropna(axis=1, how="all")


def _better(own: dict) -> str:
    if own["better"]:
        return ", ".join(title(name) for name in own["better"])
    return "none" if own["said"] else "too few clips to say"


def by_type(types: dict[str, dict]) -> pd.DataFrame:
    """name, noticed, total, share, low, high, text and verdict per type of event, what is noticed most first."""
    rows = [
        {"name": kind.replace("_", " "), "share": own["noticed"] / own["total"], "low": own["low"],
         "high": own["high"], "text": share(own), "delay": delay(own), "verdict": VERDICTS[own["verdict"]]}
        for kind, own in types.items() if own["total"]
    ]  # fmt: skip
    columns = ["name", "share", "low", "high", "text", "delay", "verdict"]
    return pd.DataFrame(rows, columns=columns).sort_values("share", ascending=False, kind="stable")
