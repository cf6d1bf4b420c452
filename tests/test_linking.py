"""Linking judged by the simulator's identities."""

import numpy as np
import pandas as pd
import pytest

from vad.benchmark import linking
from vad.perception import tracking
from vad.pipeline.errors import UserError
from vad.simulation.clip import Plan, render, seen

PLAN = Plan("01_0001", 0, "test", (0, 1, 0), (240, 136), 40, (("running", 5),))
PARAMS = tracking.Params(reach=0.5, patience_seconds=0.5, least_seconds=0.5)


def test_the_runner_s_box_is_that_of_its_mask_and_keeps_its_number():
    numbers = set()
    for (_, owner), boxes in zip(render(PLAN), seen(PLAN), strict=True):
        if not owner.any():
            continue
        ys, xs = np.nonzero(owner)
        own = (boxes[:, 1:] == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).all(axis=1)
        assert own.sum() == 1
        numbers.add(int(boxes[own, 0].item()))
    assert len(numbers) == 1


def test_without_the_trackers_one_line_says_how_to_get_them(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "trackers", None)
    with pytest.raises(UserError, match="pip install --no-deps trackers"):
        linking.linkings(PARAMS)


def test_perfect_links_score_one_and_a_swapped_pair_less():
    pytest.importorskip("trackers", reason=f"trackers is not installed: {linking.INSTALL}")
    frames = np.arange(40)
    there = pd.concat(
        [
            pd.DataFrame({"frame": frames, "track": 7 + n, "x1": x, "y1": 5.0, "x2": x + 10, "y2": 30.0})
            for n, x in enumerate((frames * 1.0, 200.0 - frames))
        ]
    )
    perfect = linking.judged({"a": there}, {"a": there.assign(track=there["track"] * 3)})
    assert perfect == {"HOTA": 1, "DetA": 1, "AssA": 1, "IDF1": 1, "switches": 0}
    late = there["frame"] >= 20
    swapped = linking.judged({"a": there}, {"a": there.assign(track=there["track"].where(~late, 15 - there["track"]))})
    assert swapped["switches"] == 2
    assert swapped["DetA"] == 1
    assert swapped["IDF1"] == pytest.approx(0.5)
    for link in linking.linkings(PARAMS).values():
        assert linking.judged({"a": there}, {"a": link(there.drop(columns="track"))})["IDF1"] > 0.9
