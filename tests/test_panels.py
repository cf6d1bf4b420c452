import pandas as pd

from vad.visualization.panels import choose


def test_most_telling_frames_one_of_a_clip() -> None:
    rows = pd.DataFrame(
        [
            ("a", 0, 1, True, 3.0),
            ("a", 1, 1, True, 4.0),
            ("b", 0, 1, True, 2.0),
            ("b", 1, 1, False, 0.5),
            ("c", 0, 1, False, 0.1),
            ("c", 1, 0, True, 2.5),
            ("c", 2, 0, False, 0.0),
        ],
        columns=["clip", "frame", "label", "alarm", "shown"],
    )
    chosen = {kind: list(zip(part["clip"], part["frame"], strict=True)) for kind, part in choose(rows, 2).items()}
    assert chosen == {"best hits": [("a", 1), ("b", 0)], "misses": [("c", 0), ("b", 1)], "false alarms": [("c", 1)]}
