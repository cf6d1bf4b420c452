"""Boxes found frame by frame, linked to tracks by trackpy: for data with pixels but no tracks.

The Crocker-Grier algorithm (1996, "Methods of Digital Video Microscopy for Colloidal Studies", section III) gives each
object of a frame the place in the next that makes the sum of squared distances least, within a reach.
"""

import warnings

import numpy as np
import pandas as pd
import pydantic

from vad.perception.trajectories import BOX
from vad.pipeline.params import Section

COLUMNS = ["frame", "track", *BOX]
_ADAPT = 0.9  # where a crowd has too many possible links, the reach shrinks by this factor, at most to its tenth


class Params(Section):
    """Section ``link_tracks`` of params.yaml."""

    reach: float = pydantic.Field(gt=0, le=5)
    patience_seconds: float = pydantic.Field(ge=0, le=10)
    least_seconds: float = pydantic.Field(ge=0, le=10)


def link(boxes: pd.DataFrame, fps: float, params: Params) -> pd.DataFrame:
    """Number the objects that the boxes of one clip belong to.

    Args:
        boxes: frame, x1, y1, x2, y2 in pixels, in any order; other columns are dropped.
        params: ``reach``, how far an object may be from where it last was, in median box heights;
            ``patience_seconds``, how long it may go unseen; ``least_seconds``, how long a track lasts at least, boxes
            of shorter ones are dropped.

    Returns:
        ``COLUMNS``, by track and frame; tracks are numbered 1, 2, ...
    """
    boxes = boxes[["frame", *BOX]].sort_values(["frame", *BOX], kind="stable", ignore_index=True)
    if boxes.empty:
        return boxes.assign(track=np.zeros(0, np.int64))[COLUMNS]
    height = float((boxes["y2"] - boxes["y1"]).median())
    place = pd.DataFrame(
        {
            "x": (boxes["x1"] + boxes["x2"]) / 2 / height,
            "y": (boxes["y1"] + boxes["y2"]) / 2 / height,
            "frame": boxes["frame"],
        }
    )
    patience = round(params.patience_seconds * fps)
    # trackpy counts only frames that hold boxes: where a clip is empty for longer, all tracks end.
    stretch = (boxes["frame"].diff() > patience + 1).cumsum()
    numbers = [_numbers(own, params.reach, patience) for _, own in place.groupby(stretch)]
    before = np.cumsum([0] + [own.max() + 1 for own in numbers[:-1]])
    linked = boxes.assign(track=np.concatenate([own + first for own, first in zip(numbers, before, strict=True)]))
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


def _numbers(place: pd.DataFrame, reach: float, memory: int) -> np.ndarray:
    """Track number of each row of ``place`` (x, y, frame), from 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it advises numba, which it does not need, and tells of frames without tracks
        import trackpy

        # trackpy walks over sets of points, whose order would be that of their addresses: other links in every run.
        trackpy.linking.utils.Point.__hash__ = lambda point: point.uuid
        trackpy.quiet()
        linked = trackpy.link(place, reach, memory=memory, adaptive_stop=reach / 10, adaptive_step=_ADAPT)
    return linked["particle"].reindex(place.index).to_numpy(np.int64)
