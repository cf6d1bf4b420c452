"""Fits hold a bounded sample: one clip's tables at a time, and of more data than the bound an even part of it."""

import weakref
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests import test_tracks, test_weak
from vad.data.frames import Clip
from vad.detectors import tracks, weak
from vad.detectors.density.tails import PlaceTails
from vad.detectors.weak import evidence, regions
from vad.perception.flow import spread
from vad.protocol.fitting import Clips

TRACKS = test_tracks.PARAMS.model_copy(update={"components": 1})
WEAK = test_weak.PARAMS.model_copy(update={"leaf_regions": 20, "stride": 1, "trees": 10})


def walkers() -> list[Clip]:
    return [replace(clip, scene=f"0{number % 2}") for number, clip in enumerate(test_tracks.normal_clips())]


def videos() -> list[Clip]:
    known = [test_weak.clip(f"t{i}", "train", 0) for i in range(4)]
    normal = [test_weak.clip(f"n{i}", "weak", 0) for i in range(6)]
    return known + normal + [test_weak.clip(f"a{i}", "weak", 1, range(3 * i, 3 * i + 10)) for i in range(6)]


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


class Watched:
    """``clips`` as a plan gives them, and how many of their tables were in memory at once."""

    def __init__(self, clips: Sequence[Clip], table: str) -> None:
        self._tables = {clip.name: getattr(clip, table) for clip in clips}
        self._table, self._given, self.most = table, [], 0
        self.clips = Clips([replace(clip, **{table: None}) for clip in clips], self._fill)

    def _fill(self, clip: Clip) -> Clip:
        own = self._tables[clip.name].copy()
        self._given.append(weakref.ref(own))
        self.most = max(self.most, sum(known() is not None for known in self._given))
        return replace(clip, **{self._table: own})


@pytest.mark.parametrize(
    ("fit", "clips", "table"),
    [
        (lambda clips: tracks.fit(clips, TRACKS, 0), walkers, "tracks"),
        (lambda clips: weak.fit(clips, WEAK, 0), videos, "objects"),
    ],
    ids=["tracks", "weak"],
)
def test_one_clip_s_tables_are_in_memory_at_a_time(fit, clips, table):
    watched = Watched(clips(), table)
    streamed = fit(watched.clips)
    assert watched.most <= 2  # the next is read while the last is still bound to its name
    assert same(streamed, fit(clips()))


def boxes_seen(monkeypatch: pytest.MonkeyPatch, clips: Sequence[Clip], most: int) -> tuple[dict, list[int]]:
    """The fit, and how many boxes of each clip it kept."""
    kept: list[int] = []
    own = PlaceTails.fit.__func__
    monkeypatch.setattr(
        PlaceTails, "fit", classmethod(lambda cls, s, p, v: kept.append([len(x) for x in v]) or own(cls, s, p, v))
    )
    state = tracks.fit(clips, TRACKS.model_copy(update={"max_fit_frames": most}), 0)
    return state, kept[0]


def test_tracks_below_the_bound_are_all_learnt_from(monkeypatch):
    total = sum(len(clip.frames) for clip in walkers())
    state, kept = boxes_seen(monkeypatch, walkers(), total)
    assert sum(kept) == 10 * total
    assert same(state, tracks.fit(walkers(), TRACKS, 0))


def test_of_four_times_the_bound_a_quarter_of_the_frames_of_every_scene_is_kept(monkeypatch):
    total = sum(len(clip.frames) for clip in walkers())
    state, kept = boxes_seen(monkeypatch, walkers(), total // 4)
    assert sum(kept) == 10 * total / 4
    assert len(kept) == len(walkers())  # of every clip
    assert same(state, tracks.fit(walkers(), TRACKS.model_copy(update={"max_fit_frames": total // 4}), 0))
    # As of clips that are restricted to these frames: a trajectory is still followed over the whole clip.
    frames = {part.name: part.frames for part in spread(walkers(), total // 4, 10)}
    assert same(state, tracks.fit([clip.only(frames[clip.name]) for clip in walkers()], TRACKS, 0))


def regions_seen(monkeypatch: pytest.MonkeyPatch, most: int) -> tuple[dict, np.ndarray, np.ndarray]:
    """The fit, its regions' labels and their weights."""
    seen = []
    own = evidence.fit
    monkeypatch.setattr(evidence, "fit", lambda *asked: seen.append(asked) or own(*asked))
    state = weak.fit(videos(), WEAK.model_copy(update={"max_regions": most}), 0)
    return state, seen[0][1], seen[0][2]


def test_regions_below_the_bound_all_teach(monkeypatch):
    total = sum(len(clip.objects) for clip in videos() if clip.split == "weak")
    state, labels, _ = regions_seen(monkeypatch, total)
    assert len(labels) == total == 12 * 40 * 5
    assert same(state, weak.fit(videos(), WEAK, 0))


def test_of_four_times_the_bound_every_fourth_region_of_each_video_teaches(monkeypatch):
    total = sum(len(clip.objects) for clip in videos() if clip.split == "weak")
    state, labels, weights = regions_seen(monkeypatch, total // 4)
    assert np.bincount(labels).tolist() == [total // 8, total // 8]
    np.testing.assert_allclose(weights, 1)  # the videos are still alike, and so are both labels
    assert same(state, weak.fit(videos(), WEAK.model_copy(update={"max_regions": total // 4}), 0))
    thinned = [c if c.split == "train" else replace(c, objects=c.objects.iloc[::4]) for c in videos()]
    assert same(state, weak.fit(thinned, WEAK, 0))


def test_reference_objects_are_bounded_in_every_scene():
    many = [replace(clip, objects=pd.concat([clip.objects] * 20)) for clip in videos()[:4]]
    (reference,) = regions.reference(many).values()
    assert regions.KEPT / 2 < len(reference) <= regions.KEPT
