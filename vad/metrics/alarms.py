"""What an operator asks: how many alarms an hour, how many events were seen, and how late.

An alarm is a run of frames over the threshold; runs of one clip less than ``merge_seconds`` apart are one alarm.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Footage:
    """Frames of several clips in order of clip and time.

    Attributes:
        clips: (N,) integer clip codes, grouped.
        frames: (N,) frame numbers, ascending within a clip.
        fps: (N,) frames per second by which ``frames`` count.
        step: (N,) seconds of video that the frame stands for: the clip's usual distance between scored frames.
    """

    clips: np.ndarray
    frames: np.ndarray
    fps: np.ndarray
    step: np.ndarray

    @property
    def seconds(self) -> np.ndarray:
        """(N,) time of each frame within its clip."""
        return self.frames / self.fps

    @classmethod
    def of(cls, rows: pd.DataFrame, fps: dict[str, float]) -> "Footage":
        """From ``rows`` with columns clip and frame, sorted by both; ``fps`` per clip."""
        codes, names = pd.factorize(rows["clip"])
        frames = rows["frame"].to_numpy(np.int64)
        rate = np.array([fps[name] for name in names], dtype=np.float64)[codes]
        order = np.argsort(codes, kind="stable")
        own = np.split(frames[order], np.cumsum(np.bincount(codes, minlength=len(names)))[:-1]) if len(names) else []
        usual = np.array([np.median(np.diff(numbers)) if len(numbers) > 1 else 1.0 for numbers in own])
        return cls(codes, frames, rate, usual[codes] / rate)

    def hours(self, chosen: np.ndarray | None = None) -> float:
        """Duration of the video that the (chosen) frames stand for."""
        return float((self.step if chosen is None else self.step[chosen]).sum() / 3600)


def spans(over: np.ndarray, footage: Footage, merge_seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Alarms of the frames marked in ``over`` (N,) bool: (K,) rows of their first and of their last frames."""
    rows = np.flatnonzero(over)
    if not len(rows):
        return rows, rows
    clips, seconds = footage.clips[rows], footage.seconds[rows]
    reach = np.maximum(merge_seconds, 1.5 * footage.step[rows[1:]])
    new = (clips[1:] != clips[:-1]) | (np.diff(seconds) > reach)
    return rows[np.append(True, new)], rows[np.append(new, True)]


def false_alarms_per_hour(over: np.ndarray, labels: np.ndarray, footage: Footage, merge_seconds: float) -> float:
    """Alarms without one abnormal frame per hour of normal video; NaN where there is no normal video."""
    normal_hours = footage.hours(labels == 0)
    if normal_hours == 0:
        return float("nan")
    first, last = spans(over, footage, merge_seconds)
    before = np.append(0, np.cumsum(labels))
    return float((before[last + 1] == before[first]).sum() / normal_hours)


def label_events(rows: pd.DataFrame) -> pd.DataFrame:
    """Events where none are listed: runs of abnormal frames. ``rows``: clip, frame, label, sorted by clip and frame."""
    label, clip = rows["label"].to_numpy(), rows["clip"].to_numpy()
    abnormal = label == 1
    begins = abnormal & np.append(True, (label[:-1] == 0) | (clip[1:] != clip[:-1]))
    ends = abnormal & np.append((label[1:] == 0) | (clip[1:] != clip[:-1]), True)
    return pd.DataFrame(
        {
            "clip": clip[begins],
            "first_frame": rows["frame"].to_numpy()[begins],
            "last_frame": rows["frame"].to_numpy()[ends],
        }
    )


def delays(
    over: np.ndarray,
    rows: pd.DataFrame,
    footage: Footage,
    events: pd.DataFrame,
    merge_seconds: float,
    late: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Seconds from each event's start to when its alarm is raised; NaN for a missed event.

    An event is detected by an alarm that starts within it, or so little before it (``merge_seconds``) that the operator
    would take them as one; the delay then is 0. An alarm that has been on for longer detects nothing.

    Args:
        over: (N,) bool, the frames over the threshold, aligned with ``rows`` (clip, frame) and ``footage``.
        events: clip, first_frame, last_frame; events of clips that were not scored are left out.
        late: (N,) seconds by which each frame's score comes later than the frame, or one for all.
    """
    first, _ = spans(over, footage, merge_seconds)
    clip_of, at = rows["clip"].to_numpy(), footage.seconds
    raised = at + late
    fps = dict(zip(clip_of, footage.fps, strict=True))
    result = []
    for event in _scored(events, set(clip_of)):
        own = first[clip_of[first] == event.clip]
        begin, end = event.first_frame / fps[event.clip], event.last_frame / fps[event.clip]
        own = own[(at[own] >= begin - merge_seconds) & (at[own] <= end)]
        result.append(max(0.0, raised[own].min() - begin) if len(own) else np.nan)
    return np.array(result)


def late(rows: pd.DataFrame, latency: Mapping[str, float]) -> np.ndarray:
    """(N,) seconds by which each of ``rows``' scores comes later than its frame: its clip's ``latency``, else 0."""
    return rows["clip"].astype(str).map(dict(latency)).fillna(0.0).to_numpy(np.float64)


def _scored(events: pd.DataFrame, clips: set[str]) -> Iterable:
    return (event for event in events.itertuples() if event.clip in clips)


def auc_by_type(scores: np.ndarray, rows: pd.DataFrame, events: pd.DataFrame) -> dict[str, float]:
    """ROC-AUC of each event type's abnormal frames against all normal frames.

    Args:
        scores: (N,); rows: clip, frame, label; events: clip, first_frame, last_frame, type.
    """
    from vad.metrics.measures import auc

    clip, frame, label = rows["clip"].to_numpy(), rows["frame"].to_numpy(), rows["label"].to_numpy()
    result = {}
    for kind, own in sorted(events.groupby("type"), key=lambda item: item[0]):
        chosen = np.zeros(len(rows), dtype=bool)
        for event in own.itertuples():
            chosen |= (clip == event.clip) & (frame >= event.first_frame) & (frame <= event.last_frame)
        chosen &= label == 1
        if chosen.any() and (label == 0).any():
            judged = chosen | (label == 0)
            result[str(kind)] = auc(scores[judged], label[judged])
    return result
