"""The answer in plain sentences: one text for the report's first page, the app and the bundle."""

from vad.detectors.titles import title
from vad.evaluation.comparison import FEWEST_CLIPS

MANY = 5  # names that are listed one by one


def sentences(answer: dict) -> list[str]:
    """What ``vad.evaluation.answer.answer`` found, said to somebody who will watch the cameras.

    Returns:
        Sentences without mark-up, in the order in which they should be read.
    """
    said = [_trust(answer), _differences(answer), _false_alarms(answer), _seen(answer), _events(answer)]
    said += [*_types(answer["types"]), _scenes(answer), _agreement(answer)]
    return [sentence for sentence in said if sentence]


def _trust(answer: dict) -> str:
    trust = answer["trust"]
    name = title(trust["detector"])
    if trust["why"] == "alone":
        return f"{name} is the only detector that ran: there was nothing to choose from."
    if trust["why"] == "declared":
        reason = "the protocol lets no label choose" if answer["labels"] else "without labels nothing can be chosen"
        return f"{name} is given here because {reason}, not because it was found to be the best."
    votes = list(trust["by_fold"].values())
    others = sorted({title(other) for other in votes} - {name})
    elsewhere = f" ({_listing(others)} on the others)" if others else ""
    return (
        f"Trust {name}: it was the best on other clips {votes.count(trust['detector'])} of {len(votes)} times that "
        f"some were set aside{elsewhere}, and so chosen the detector reaches an AUC of {trust['auc']:.3f} "
        f"[{trust['low']:.3f}, {trust['high']:.3f}] on the clips set aside."
    )


def _differences(answer: dict) -> str:
    compared = answer["comparison"]
    if not compared or answer["trust"]["why"] == "alone":
        return "" if answer["labels"] else "Which detector is the best cannot be said without labels."
    if not compared["said"]:
        return (
            f"Which detectors differ cannot be said from {compared['test_clips']} test clips: "
            f"at least {FEWEST_CLIPS} are needed."
        )
    percent = f"{100 * answer['confidence']:.0f} %"
    if not compared["separated"]:
        return (
            f"No difference between detectors is more than chance on these {compared['test_clips']} clips ({percent})."
        )
    beaten = list(dict.fromkeys(pair["worse"] for pair in compared["separated"]))
    rest = [name for name in answer["set"] if name != answer["trust"]["detector"]]
    equal = (
        f"{_few(rest)} cannot be told from the best by {compared['test_clips']} clips"
        if rest
        else "no other is as good"
    )
    return f"More than chance ({percent}) separates {_few(beaten)} from better ones; {equal}."


def _false_alarms(answer: dict) -> str:
    made = answer["overall"]["promise"]
    if made is None:
        return "No false-alarm rate can be promised: no normal video was held out."
    promise = (
        f"at most {_number(made['alarms_per_hour'])} false alarms per hour of normal video are promised, in the long "
        f"run between {_number(made['low'])} and {_number(made['high'])}, one that comes back within "
        f"{answer['block_seconds']:g} s counted once"
    )
    minutes = f"{made['minutes']:.1f} minutes of held-out normal video"
    if made["refused"]:
        return f"{made['refused']}. At the threshold above all of it, {promise}."
    return f"At its threshold {promise} (from {minutes})."


def _seen(answer: dict) -> str:
    seen = answer["overall"].get("seen")
    if not seen or not seen["hours"]:
        return ""
    return (
        f"On {60 * seen['hours']:.1f} minutes of normal test video it gave {_count(seen['alarms'], 'false alarm')}: "
        f"{_number(seen['low'])} to {_number(seen['high'])} an hour."
    )


def _events(answer: dict) -> str:
    events = answer["overall"].get("events")
    if not events or not events["total"]:
        return "" if answer["labels"] else "What share of events it notices cannot be said without labels."
    text = f"It noticed {events['noticed']} of {events['total']} events ({_share(events)})"
    if events["delay"] is None:
        return f"{text}."
    between = (
        f" (between {events['delay_low']:.1f} and {events['delay_high']:.1f} s)"
        if events["delay_low"] is not None and events["delay_low"] == events["delay_low"]
        else ""
    )
    late = f", of which the score takes {events['latency']:.1f} s to come" if events["latency"] else ""
    return f"{text}, half of these within {events['delay']:.1f} s{between}{late}."


def _types(types: dict[str, dict]) -> list[str]:
    by_verdict: dict[str, list[str]] = {"notices": [], "blind": [], "unsaid": []}
    for kind, own in types.items():
        by_verdict[own["verdict"]].append(f"{kind.replace('_', ' ')} ({own['noticed']} of {own['total']})")
    texts = {
        "notices": "It notices more than half of: {}.",
        "blind": "It is blind to (notices less than half of): {}.",
        "unsaid": "Whether it notices more or less than half cannot be said from so few events of: {}.",
    }
    return [texts[verdict].format(", ".join(kinds)) for verdict, kinds in by_verdict.items() if kinds]


def _scenes(answer: dict) -> str:
    scenes = answer["scenes"]
    if len(scenes) < 2 or answer["trust"]["why"] != "chosen":
        return ""
    better = {scene: own["better"] for scene, own in scenes.items() if own["better"]}
    unsaid = [scene for scene, own in scenes.items() if not own["said"]]
    parts = [f"in scene {scene} {_few(names)} did better by more than chance" for scene, names in better.items()]
    if unsaid:
        few = max(scenes[scene]["clips"] for scene in unsaid)
        where = f"in {len(unsaid)} of the {len(scenes)} scenes" if len(unsaid) < len(scenes) else "scene by scene"
        parts.append(f"whether another is better {where} cannot be said from {few} clips or fewer each")
    elif not better:
        parts.append("in no scene did another do better by more than chance")
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def _agreement(answer: dict) -> str:
    found = answer["agreement"]
    count = len(found["detectors"])
    if answer["labels"] or count < 2:
        return ""
    pairs = [(a, b) for a in range(count) for b in range(a)]
    correlations = [found["rank_correlation"][a][b] for a, b in pairs if found["rank_correlation"][a][b] is not None]
    overlaps = [found["overlap"][a][b] for a, b in pairs]
    least, most = min(correlations, default=0), max(correlations, default=0)
    top = f"{100 * found['top']:.0f} %"
    return (
        f"The detectors order the frames alike with rank correlations of {least:.2f} to {most:.2f}, and share "
        f"{100 * min(overlaps):.0f} to {100 * max(overlaps):.0f} % of their most unusual {top} of frames ({top} by "
        "chance): agreement is no proof, but where they differ at least one is wrong."
    )


def _share(events: dict) -> str:
    return f"{100 * events['low']:.0f} to {100 * events['high']:.0f} %"


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _few(names: list[str]) -> str:
    return _listing([title(name) for name in names]) if len(names) <= MANY else f"{len(names)} others"


def _listing(words: list[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
