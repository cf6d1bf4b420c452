"""The answer as tables: intervals beside every count, and what cannot be said is not said."""

from app import answering

FEW = {"noticed": 1, "total": 4, "low": 0.0063, "high": 0.806, "delay": 0.583, "delay_low": None, "delay_high": None}
MANY = {"noticed": 12, "total": 20, "low": 0.361, "high": 0.809, "delay": 0.479, "delay_low": 0.208, "delay_high": 1.29}
NONE = FEW | {"noticed": 0, "delay": None, "verdict": "blind"}


def scene(**changes) -> dict:
    promise = {"alarms_per_hour": 5.94, "low": 1.0, "high": 1308.1, "refused": None}
    seen = {"rate": 234.8, "low": 5.944, "high": 1308.1}
    return {"clips": 4, "promise": promise, "seen": seen, "events": FEW, "said": False, "better": []} | changes


def test_counts_come_with_their_intervals():
    assert answering.share(MANY) == "12 of 20 [36 to 81 %]"
    assert answering.share(None) is None
    assert answering.delay(MANY) == "0.48 s [0.21 to 1.29]"
    assert answering.delay(FEW) == "0.58 s"
    assert answering.delay(NONE) is None
    assert answering.rate({"rate": 234.8, "low": 5.944, "high": 1308.1}, "rate") == "235 [5.9 to 1,308]"
    assert answering.rate({"rate": None, "low": None, "high": None}, "rate") is None


def test_a_row_per_camera():
    refused = scene()["promise"] | {"refused": "too little"}
    table = answering.by_scene({"gate": scene(), "yard": scene(promise=refused, said=True, better=["motion", "padim"])})
    assert table["Camera"].tolist() == ["gate", "yard"]
    assert table["The budget"].tolist() == ["kept", "cannot be promised"]
    assert table["Better there"].tolist() == ["too few clips to say", "Motion, PaDiM"]
    assert table["False alarms an hour, promised"].iloc[0] == "5.9 [1 to 1,308]"


def test_without_labels_only_the_promise_is_left():
    bare = {key: value for key, value in scene(promise=None).items() if key not in ("seen", "events")}
    table = answering.by_scene({"gate": bare})
    assert table.columns.tolist() == ["Camera", "Test clips", "The budget", "Better there"]
    assert table["The budget"].tolist() == ["cannot be promised"]


def test_types_are_ordered_by_what_is_noticed():
    table = answering.by_type({"fall": NONE, "off_path": FEW | {"verdict": "unsaid"}, "gone": NONE | {"total": 0}})
    assert table["name"].tolist() == ["off path", "fall"]
    assert table["verdict"].tolist() == ["too few to say", "missed"]
    assert answering.by_type({}).empty
