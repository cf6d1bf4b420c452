from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vad.evaluation import answer, saying
from vad.post_processing import calibration, thresholds

LIMITS = thresholds.Params(rule="f1", alarms_per_hour=6, block_seconds=20, merge_seconds=1, per_scene=False)
FPS = 10.0


def rows(name: str, strength: float, clips: int = 12, hours: float = 0.5, blind: str | None = None) -> pd.DataFrame:
    """Test clips of 20 s in two scenes whose second half is abnormal, and held-out normal clips of 60 s.

    Events of type ``blind`` are calmer than normal.
    """
    rng = np.random.default_rng(sum(map(ord, name)))
    parts = []
    for i in range(clips):
        label = (np.arange(200) >= 100).astype(int)
        strong = -1.0 if KINDS[i % 2] == blind else strength
        score = rng.normal(size=200) + strong * label
        parts.append(pd.DataFrame({"clip": f"t{i:02d}", "frame": np.arange(200), "scene": f"0{1 + i % 2}",
                                   "role": "test", "fold": i % 3, "label": label, "score": score}))  # fmt: skip
    for i in range(round(hours * 60)):
        parts.append(pd.DataFrame({"clip": f"n{i:02d}", "frame": np.arange(600), "scene": f"0{1 + i % 2}",
                                   "role": "calibration", "fold": -1, "label": 0,
                                   "score": rng.normal(size=600)}))  # fmt: skip
    made = pd.concat(parts, ignore_index=True).assign(detector=name)
    made = made.assign(smoothed=made["score"], causal=made["score"])
    return made.assign(calibrated=calibration.by_fold(made, "smoothed"), live=calibration.by_fold(made, "causal"))


KINDS = ["bicycle", "fall"]


def run(tables: dict[str, pd.DataFrame], types: bool = True, choose: bool = True) -> answer.Run:
    everything = pd.concat(tables.values())
    fps = dict.fromkeys(everything["clip"].unique(), FPS)
    clips = sorted(everything.loc[everything["role"] == "test", "clip"].unique())
    events = pd.DataFrame(
        {"clip": clips, "first_frame": 100, "last_frame": 199, "type": [KINDS[i % 2] for i in range(len(clips))]}
    )
    tuned = {name: thresholds.tune(own, fps, "clean", LIMITS) for name, own in tables.items()}
    return answer.Run(tables, tuned, fps, events if types else events.iloc[:0], 6, 20, 1, choose, 0.95, 200, 0)


@pytest.fixture(scope="module")
def found() -> dict:
    return answer.answer(run({"motion": rows("motion", 9, blind="fall"), "padim": rows("padim", 0.1)}))


def test_the_better_detector_is_chosen_and_judged_on_other_clips(found):
    assert found["trust"]["detector"] == "motion"
    assert found["trust"]["by_fold"] == {"0": "motion", "1": "motion", "2": "motion"}
    clear = answer.answer(run({"motion": rows("motion", 9), "padim": rows("padim", 0.1)}))
    assert clear["set"] == ["motion"]
    assert saying.sentences(found)[0].startswith("Trust Motion: it was the best on other clips 3 of 3 times")


def test_half_an_hour_can_promise_six_alarms_an_hour_and_a_quarter_cannot_be_a_scene_of_its_own(found):
    assert found["overall"]["promise"]["refused"] is None
    assert found["overall"]["promise"]["alarms_per_hour"] <= 6
    assert found["overall"]["promise"]["minutes"] == pytest.approx(30)
    assert found["scenes"]["01"]["promise"]["minutes"] == pytest.approx(15)


def test_types_are_noticed_blind_or_unsaid(found):
    assert found["types"]["bicycle"]["verdict"] == "notices"
    assert found["types"]["bicycle"]["noticed"] == found["types"]["bicycle"]["total"] == 6
    assert found["types"]["fall"]["verdict"] == "blind"
    few = answer.answer(run({"motion": rows("motion", 9, clips=4), "padim": rows("padim", 0.1, clips=4)}))
    assert {own["verdict"] for own in few["types"].values()} == {"unsaid"}
    assert few["comparison"]["said"] is False
    said = " ".join(saying.sentences(few))
    assert "cannot be said from 4 test clips" in said
    assert "cannot be said from so few events of: bicycle (2 of 2), fall (2 of 2)" in said


def test_false_alarms_and_delays_are_those_of_the_budgets_threshold(found):
    tables = {"motion": rows("motion", 9, blind="fall"), "padim": rows("padim", 0.1)}
    live = tables["motion"].assign(live=calibration.by_fold(tables["motion"], "causal"))
    test = live[(live["role"] == "test") & (live["label"] == 0)]
    limit = found["overall"]["threshold"]
    alarms = 0
    for _, own in test.groupby("clip"):
        at = np.flatnonzero((own["live"] >= limit).to_numpy()) / FPS
        alarms += int(len(at) > 0) + int((np.diff(at) > 1).sum())
    assert found["overall"]["seen"]["alarms"] == alarms
    assert found["overall"]["seen"]["hours"] == pytest.approx(12 * 10 / 3600)
    assert found["overall"]["events"]["delay"] == pytest.approx(0, abs=0.2)


def test_delays_hold_the_time_until_the_score_is_there(found):
    made = run({"motion": rows("motion", 9, blind="fall"), "padim": rows("padim", 0.1)})
    clips = {clip: 1.5 for clip in made.fps}
    late = answer.answer(replace(made, latency={"motion": clips, "padim": dict.fromkeys(clips, 60.0)}))
    for events in (late["overall"]["events"], late["types"]["bicycle"], late["scenes"]["01"]["events"]):
        assert events["delay"] == pytest.approx(1.5, abs=0.2)
    assert late["overall"]["events"]["latency"] == 1.5
    assert late["overall"]["events"]["noticed"] == found["overall"]["events"]["noticed"]
    assert found["overall"]["events"]["latency"] == 0
    assert "s), of which the score takes 1.5 s to come." in " ".join(saying.sentences(late))
    assert "score takes" not in " ".join(saying.sentences(found))


def test_little_normal_video_is_said_not_extrapolated():
    tables = {"motion": rows("motion", 9, hours=1 / 30), "padim": rows("padim", 0.1, hours=1 / 30)}
    found = answer.answer(run(tables))
    assert "cannot be promised from 2.0 minutes" in found["overall"]["promise"]["refused"]
    assert "10 are needed" in " ".join(saying.sentences(found))


def test_without_labels_nothing_is_chosen_and_what_to_review_is_listed():
    tables = {name: rows(name, 9 if name == "motion" else 0.1) for name in ("motion", "padim", "fusion")}
    tables = {name: own.assign(label=0) for name, own in tables.items()}
    found = answer.answer(run(tables, types=False))
    assert found["labels"] is False
    assert found["trust"] == {"detector": "fusion", "why": "declared"}
    assert "events" not in found["overall"]
    assert found["overall"]["promise"]["refused"] is None
    assert len(found["review"]) == 10
    said = " ".join(saying.sentences(found))
    assert "without labels nothing can be chosen" in said
    assert "What share of events it notices cannot be said without labels." in said


def test_under_one_class_labels_judge_but_do_not_choose():
    tables = {name: rows(name, 9 if name == "motion" else 0.5) for name in ("motion", "fusion")}
    found = answer.answer(run(tables, choose=False))
    assert found["trust"] == {"detector": "fusion", "why": "declared"}
    assert found["overall"]["events"]["total"] == 12
    assert "lets no label choose" in saying.sentences(found)[0]


def test_a_scene_with_enough_normal_video_gets_its_own_threshold():
    noisy = rows("motion", 9, hours=1)
    louder = (noisy["scene"] == "02") & (noisy["label"] == 0)
    noisy.loc[louder, ["score", "smoothed", "causal"]] *= 3
    noisy["calibrated"] = calibration.by_fold(noisy, "smoothed")
    found = answer.answer(run({"motion": noisy}))
    assert found["trust"]["why"] == "alone"
    own = {scene: values["threshold"] for scene, values in found["scenes"].items()}
    assert own["01"] < found["overall"]["threshold"] <= own["02"]
