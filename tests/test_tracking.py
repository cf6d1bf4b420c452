import numpy as np
import pandas as pd

from vad.perception.tracking import COLUMNS, Linker, Params, identified, link

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


def test_the_sum_of_squares_decides_not_the_nearest_first():
    linker, side = Linker(10, PARAMS), 10.0

    def boxes(*left: float) -> np.ndarray:
        return np.array([[x, 0, x + side, side] for x in left])

    first = linker.push(0, boxes(0, 10), np.full(2, 40.0))
    # The second moved by 10 and the first followed to where it had been: 10^2 + 10^2 < 0^2 + 20^2, beyond the reach.
    assert linker.push(1, boxes(10, 20), np.full(2, 40.0)).tolist() == first.tolist()
    # Typical objects are small here: neither can have come so far.
    assert linker.push(2, boxes(20, 30), np.full(2, 15.0)).tolist() == [2, 3]


def test_what_comes_later_changes_no_number():
    boxes = pd.concat([walker(20 * i, 2 - i / 3, 10 + 7 * i, range(i, 30)) for i in range(8)], ignore_index=True)
    linker, found = Linker(10, PARAMS), {}
    for frame, own in boxes.groupby("frame"):
        places = own[["x1", "y1", "x2", "y2"]].to_numpy()
        found[frame] = linker.push(int(frame), places, np.full(len(own), 50.0))
        assert (linker._last >= frame - 11).all()  # who was seen too long ago is forgotten
    linked = link(boxes, fps=10, params=PARAMS)
    assert linked.groupby("frame").size().to_dict() == {frame: len(numbers) for frame, numbers in found.items()}


def test_boxes_without_an_identity_are_linked_and_the_others_kept():
    two = pd.concat([walker(0, 3, 10, range(30)), walker(200, -3, 110, range(30))], ignore_index=True).assign(track=-1)
    linked = identified(two, 10, PARAMS)
    assert linked.groupby("y1")["track"].unique().map(list).tolist() == [[1], [2]]
    known = walker(400, 0, 200, range(30)).assign(track=7)
    assert identified(known, 10, PARAMS) is known
    both = identified(pd.concat([two, known], ignore_index=True), 10, PARAMS)
    assert both.groupby("y1")["track"].unique().map(list).to_dict() == {10.0: [8], 110.0: [9], 200.0: [7]}
