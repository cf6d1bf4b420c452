import numpy as np
import pandas as pd

from vad.perception.tracking import COLUMNS, Params, identified, link

PARAMS = Params(reach=0.5, patience_seconds=1, least_seconds=1)


def walker(x: float, speed: float, y: float, frames: range) -> pd.DataFrame:
    at = x + speed * np.array(frames)
    return pd.DataFrame({"frame": frames, "x1": at, "y1": y, "x2": at + 20.0, "y2": y + 50.0})


def test_two_walkers_who_pass_one_another_keep_their_tracks():
    boxes = pd.concat([walker(0, 3, 10, range(40)), walker(120, -3, 30, range(40))]).sample(frac=1, random_state=0)
    linked = link(boxes, fps=10, params=PARAMS)
    assert list(linked.columns) == COLUMNS
    assert len(linked) == 80
    assert sorted(linked.groupby("track")["y1"].unique().map(list)) == [[10.0], [30.0]]


def test_an_object_is_found_again_within_the_patience_and_not_after():
    boxes = pd.concat([walker(0, 0.5, 10, frames) for frames in (range(20), range(25, 40), range(90, 110))])
    linked = link(boxes, fps=10, params=PARAMS)
    assert linked.groupby("track")["frame"].agg(["min", "max"]).to_numpy().tolist() == [[0, 39], [90, 109]]


def test_boxes_of_short_tracks_are_dropped():
    boxes = pd.concat([walker(0, 1, 10, range(30)), walker(200, 0, 10, range(5, 8))])
    linked = link(boxes, fps=10, params=PARAMS)
    assert set(linked["track"]) == {1}
    assert len(linked) == 30


def test_the_order_of_the_boxes_does_not_matter():
    boxes = pd.concat([walker(20 * i, 2 - i / 3, 10 + 7 * i, range(i, 30)) for i in range(8)], ignore_index=True)
    expected = link(boxes, fps=10, params=PARAMS)
    pd.testing.assert_frame_equal(link(boxes.sample(frac=1, random_state=1), fps=10, params=PARAMS), expected)


def test_no_boxes_give_no_tracks():
    assert link(walker(0, 0, 0, range(0)), 10, PARAMS).empty


def test_sets_of_points_have_the_same_order_in_every_run():
    """trackpy links while it walks over such sets; by default an object's hash is its address."""
    from trackpy.linking.utils import Point

    link(walker(0, 1, 10, range(5)), 1.0, PARAMS)
    Point.reset_counter()
    assert [hash(Point(0, [0.0, 0.0])) for _ in range(3)] == [0, 1, 2]


def test_boxes_without_an_identity_are_linked_and_the_others_kept():
    two = pd.concat([walker(0, 3, 10, range(30)), walker(200, -3, 110, range(30))], ignore_index=True).assign(track=-1)
    linked = identified(two, 10, PARAMS)
    assert linked.groupby("y1")["track"].unique().map(list).tolist() == [[1], [2]]
    known = walker(400, 0, 200, range(30)).assign(track=7)
    assert identified(known, 10, PARAMS) is known
    both = identified(pd.concat([two, known], ignore_index=True), 10, PARAMS)
    assert both.groupby("y1")["track"].unique().map(list).to_dict() == {10.0: [8], 110.0: [9], 200.0: [7]}
