"""Boxes found frame by frame, linked to tracks: for data with pixels but no tracks, and for cameras.

The rule of Crocker & Grier (1996, "Methods of Digital Video Microscopy for Colloidal Studies", section III): of all
ways to give the known objects the boxes of the next frame, or none, the one with the least sum of squared distances,
where none costs the square of the reach. It is found exactly, as an assignment (SciPy's), and frame by frame: who an
object is does not depend on what comes later.
"""

import numpy as np
import pandas as pd
import pydantic
from scipy.optimize import linear_sum_assignment

from vad.perception.trajectories import BOX
from vad.pipeline.params import Section

COLUMNS = ["frame", "track", *BOX]


class Params(Section):
    """Section ``link_tracks`` of params.yaml."""

    reach: float = pydantic.Field(gt=0, le=5)
    patience_seconds: float = pydantic.Field(ge=0, le=10)
    least_seconds: float = pydantic.Field(ge=0, le=10)


class Linker:
    """Numbers the objects of one camera as their boxes come.

    Args:
        params: ``reach``, how far an object may be from where it last was, in heights of a typical object;
            ``patience_seconds``, how long it may go unseen.
    """

    def __init__(self, fps: float, params: Params) -> None:
        self._reach, self._patience = params.reach, round(params.patience_seconds * fps)
        self._places, self._last = np.empty((0, 2)), np.empty(0, np.int64)  # where objects were last seen, and when
        self._numbers, self._next = np.empty(0, np.int64), 1

    def push(self, frame: int, boxes: np.ndarray, heights: np.ndarray) -> np.ndarray:
        """The next frame's boxes.

        Args:
            boxes: (N, 4) x1, y1, x2, y2 in pixels; heights: (N,) of typical objects where they stand, pixels.

        Returns:
            (N,) int64 the objects' numbers, from 1 on.
        """
        known = frame - self._last <= self._patience + 1
        places, last, numbers = self._places[known], self._last[known], self._numbers[known]
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        away = np.linalg.norm(places[:, None] - centres[None], axis=2) / np.maximum(heights, 1e-6)  # (M, N)
        own, found = linear_sum_assignment(np.minimum(away, self._reach) ** 2)
        near = away[own, found] < self._reach
        own, found = own[near], found[near]
        result = np.zeros(len(boxes), np.int64)
        result[found] = numbers[own]
        new = result == 0
        result[new] = self._next + np.arange(new.sum())
        self._next += int(new.sum())
        kept = np.setdiff1d(np.arange(len(numbers)), own)  # those that are out of sight
        self._places = np.concatenate([places[kept], centres])
        self._last = np.concatenate([last[kept], np.full(len(boxes), frame, np.int64)])
        self._numbers = np.concatenate([numbers[kept], result])
        return result


def typical_heights(boxes: pd.DataFrame) -> np.ndarray:
    """(N,) heights in pixels of typical objects where the ``boxes`` stand: from their ``height`` relative to it.

    Where nothing says how large objects are, it is the median of all.
    """
    own = (boxes["y2"] - boxes["y1"]).to_numpy(np.float64)
    if "height" in boxes:
        return own / np.maximum(boxes["height"].to_numpy(np.float64), 1e-6)
    return np.full(len(own), np.median(own) if len(own) else 1.0)


def link(boxes: pd.DataFrame, fps: float, params: Params) -> pd.DataFrame:
    """Number the objects that the boxes of one clip belong to.

    Args:
        boxes: frame, x1, y1, x2, y2 in pixels, in any order, and ``height`` relative to a typical object where it is
            known; other columns are dropped.
        params: see :class:`Linker`; ``least_seconds``, how long a track lasts at least, boxes of shorter ones are
            dropped.

    Returns:
        ``COLUMNS``, by track and frame; tracks are numbered 1, 2, ...
    """
    boxes = boxes.sort_values(["frame", *BOX], kind="stable", ignore_index=True)
    if boxes.empty:
        return boxes.assign(track=np.zeros(0, np.int64))[COLUMNS]
    linker, heights, places = Linker(fps, params), typical_heights(boxes), boxes[BOX].to_numpy(np.float64)
    numbers = [
        linker.push(int(frame), places[own], heights[own]) for frame, own in boxes.groupby("frame").indices.items()
    ]
    linked = boxes.assign(track=np.concatenate(numbers))
    spans = linked.groupby("track")["frame"].agg(lambda seen: seen.max() - seen.min() + 1)
    kept = linked[linked["track"].isin(spans.index[spans >= params.least_seconds * fps])]
    numbered = kept.assign(track=pd.factorize(kept["track"])[0] + 1)
    return numbered.sort_values(["track", "frame"], ignore_index=True)[COLUMNS]


def identified(tracks: pd.DataFrame, fps: float, params: Params) -> pd.DataFrame:
    """``tracks`` of one clip, the boxes without an identity (negative ``track``) linked to tracks of their own.

    Their numbers follow the largest that is there. Where all boxes have an identity, ``tracks`` itself comes back.
    """
    unknown = tracks["track"] < 0
    if not unknown.any():
        return tracks
    known = tracks[~unknown]
    linked = link(tracks[unknown], fps, params)
    linked["track"] += max(0, int(known["track"].max())) if len(known) else 0
    return pd.concat([known, linked], ignore_index=True)
