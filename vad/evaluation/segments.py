"""From frame scores to decisions about segments and whole videos.

A segment is ``frames`` consecutive frames. Its ``top_k`` highest-scoring frames vote: the segment's score is the mean
of their scores, and its prompt is the one that wins most of them. A segment is anomalous from the segment threshold on;
a video is, from the video threshold on, by the ratio of its anomalous segments (the balanced anomaly decision rule of
video-anomaly-clip). A segment or video is labelled abnormal when any of its frames is.

Thresholds: the frame threshold has the best F1 over frames; segment and video thresholds have, of a grid over both, the
best sum of segment F1 and video F1. Where labels may not be used, or the permitted ones are of one class, each is a
quantile of held-out normal video.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pydantic

from vad.evaluation import leak
from vad.metrics import measures
from vad.metrics.measures import confusion
from vad.pipeline.params import Protocol, Section
from vad.post_processing.thresholds import best_f1, permitted_rows
from vad.protocol.cross_fitting import deal_clips


class Params(Section):
    """Section ``segments``."""

    frames: int = pydantic.Field(ge=1, le=100_000)
    top_k: int = pydantic.Field(ge=1, le=100_000)
    grid: int = pydantic.Field(ge=2, le=1000)
    quantile: float = pydantic.Field(gt=0, lt=1)


@dataclass(frozen=True)
class Thresholds:
    """From where on a frame, a segment (scores) and a video (ratio of anomalous segments) are called anomalous."""

    frame: float
    segment: float
    video: float


@dataclass(frozen=True)
class Levels:
    """Predictions at each level: tables of clip, role, fold, label, score, prediction, prompt and place."""

    frames: pd.DataFrame
    segments: pd.DataFrame
    videos: pd.DataFrame

    def by_name(self) -> dict[str, pd.DataFrame]:
        """``frame``, ``segment``, ``video`` -> table."""
        return {"frame": self.frames, "segment": self.segments, "video": self.videos}


def cut(frames: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Segments of scored frames.

    Args:
        frames: clip, frame, role, fold, label, score, prompt.

    Returns:
        clip, segment, first_frame, last_frame, role, fold, label, score, prompt.
    """
    frames = frames.assign(segment=frames["frame"] // params.frames)
    groups = frames.groupby(["clip", "segment"], sort=True)
    table = groups.agg(
        first_frame=("frame", "min"),
        last_frame=("frame", "max"),
        role=("role", "first"),
        fold=("fold", "first"),
        label=("label", "max"),
    )
    voters = frames.sort_values(["score", "frame"], ascending=[False, True], kind="stable")
    voters = voters.groupby(["clip", "segment"]).head(params.top_k)
    table["score"] = voters.groupby(["clip", "segment"])["score"].mean()
    votes = voters.groupby(["clip", "segment", "prompt"])["score"].agg(["size", "sum"]).reset_index()
    votes = votes.sort_values(["size", "sum", "prompt"], ascending=[False, False, True], kind="stable")
    table["prompt"] = votes.groupby(["clip", "segment"])["prompt"].first()
    return table.reset_index()


def videos(segments: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Clips by the ratio of their segments that reach ``threshold``.

    Returns:
        clip, label, score (the ratio), role, fold, prompt (of the highest-scoring segment).
    """
    ordered = segments.sort_values(["clip", "score", "segment"], ascending=[True, False, True], kind="stable")
    ordered = ordered.assign(hit=ordered["score"] >= threshold)
    groups = ordered.groupby("clip", sort=True)
    first = {name: (name, "first") for name in ("role", "fold", "prompt")}
    return groups.agg(label=("label", "max"), score=("hit", "mean"), **first).reset_index()


def decide(frames: pd.DataFrame, params: Params, protocol: Protocol) -> tuple[Levels, dict[str, Thresholds]]:
    """Predictions at every level and the thresholds per fold.

    Frames and segments are those of test clips. Under ``clean`` a fold's thresholds come from the other folds, under
    ``paper`` from the rows they decide; at the level of videos the held-out training clips (role ``calibration``) take
    part as normal ones, dealt to the folds. Under ``one_class`` they give the thresholds and are not decided.

    Args:
        frames: clip, frame, role, fold, label, score, prompt of the test and calibration frames.
    """
    frames = _deal_calibration(frames)
    segments = cut(frames, params)
    thresholds, decided = {}, []
    for fold in sorted(frames["fold"].unique()):
        permitted_frames, permitted_segments = (permitted_rows(rows, fold, protocol) for rows in (frames, segments))
        limits = _labelled(permitted_frames, permitted_segments, params) or _of_normal_video(frames, segments, params)
        own_frames, own_segments = (rows[rows["fold"] == fold] for rows in (frames, segments))
        decided.append(_predict(own_frames, own_segments, limits, protocol))
        thresholds[str(fold)] = limits
    tables = (pd.concat(level) for level in zip(*decided, strict=True))
    return Levels(*(table.sort_values(list(table.columns[:2]), ignore_index=True) for table in tables)), thresholds


def metrics(levels: Levels) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and confusion counts per level: ``frame``, ``segment``, ``video``."""
    return {name: confusion(table["prediction"], table["label"]) for name, table in levels.by_name().items()}


def f1_leak(
    frames: pd.DataFrame, params: Params, folds: int, bootstrap: measures.Params, seed: int
) -> dict[str, dict[str, float]]:
    """What tuning on the decided rows adds to F1, per level: rows of the leak table (``leak.compare_f1``).

    Args:
        frames: as for :func:`decide`; the folds of test clips are dealt anew where the protocol gave them none.
    """
    test = frames["role"] == "test"
    if frames.loc[test, "fold"].nunique() == 1:
        rows = frames[test]
        frames = frames.astype({"fold": int})
        frames.loc[test, "fold"] = deal_clips(rows["label"].to_numpy(), rows["clip"].to_numpy(), folds)
    counts: dict[str, dict[str, np.ndarray]] = {}
    for protocol in ("paper", "clean"):
        levels, _ = decide(frames, params, protocol)
        for level, table in levels.by_name().items():
            counts.setdefault(level, {})[protocol] = _alarms_by_clip(table)
    draws = (bootstrap.resamples, bootstrap.confidence, seed)
    return {level: leak.compare_f1(own, *draws) for level, own in counts.items()}


def _alarms_by_clip(table: pd.DataFrame) -> np.ndarray:
    """(C, 3) true, false and missed alarms per clip, in name order."""
    predicted, label = table["prediction"].astype(bool), table["label"].astype(bool)
    kinds = pd.DataFrame({"true": predicted & label, "false": predicted & ~label, "missed": ~predicted & label})
    return kinds.groupby(table["clip"], sort=True).sum().to_numpy(float)


def _deal_calibration(frames: pd.DataFrame) -> pd.DataFrame:
    """Give the held-out training clips the folds of test clips, in turn."""
    folds = np.sort(frames.loc[frames["role"] == "test", "fold"].unique())
    held_out = frames["role"] == "calibration"
    names = np.sort(frames.loc[held_out, "clip"].unique())
    dealt = {name: folds[position % len(folds)] for position, name in enumerate(names)}
    return frames.assign(fold=frames["fold"].mask(held_out, frames["clip"].map(dealt)).astype(int))


def _predict(
    frames: pd.DataFrame, segments: pd.DataFrame, limits: Thresholds, protocol: Protocol
) -> tuple[pd.DataFrame, ...]:
    """The rows of one fold with their predictions: test frames, test segments, videos."""
    test, test_segments = (rows[rows["role"] == "test"] for rows in (frames, segments))
    clips = videos(test_segments if protocol == "one_class" else segments, limits.segment)
    pairs = ((test, limits.frame), (test_segments, limits.segment), (clips, limits.video))
    return tuple(rows.assign(prediction=(rows["score"] >= limit).astype(np.int8)) for rows, limit in pairs)


def _labelled(frames: pd.DataFrame, segments: pd.DataFrame, params: Params) -> Thresholds | None:
    """Thresholds from permitted rows; None where their test frames hold fewer than two classes."""
    test, test_segments = (rows[rows["role"] == "test"] for rows in (frames, segments))
    frame = best_f1(test["score"], test["label"])
    return None if frame is None else Thresholds(frame, *_grid_search(segments, test_segments, params))


def _grid_search(segments: pd.DataFrame, test: pd.DataFrame, params: Params) -> tuple[float, float]:
    """The (segment, video) thresholds with the best sum of segment F1 and video F1; of equals the highest."""
    _, clip = np.unique(segments["clip"].to_numpy(str), return_inverse=True)
    scores, sizes = segments["score"].to_numpy(), np.bincount(clip)
    label = np.bincount(clip, weights=segments["label"]) > 0
    best, choice = -1.0, (np.inf, 1.0)
    ratios = np.arange(params.grid, 0, -1) / params.grid
    test_scores, test_labels = test["score"].to_numpy(), test["label"].to_numpy()
    for segment in np.unique(np.quantile(test_scores, np.linspace(0, 1, params.grid)))[::-1]:
        own = confusion(test_scores >= segment, test_labels)["f1"]
        ratio = np.bincount(clip, weights=scores >= segment) / sizes
        for video in ratios:
            total = own + confusion(ratio >= video, label)["f1"]
            if total > best + 1e-12:
                best, choice = total, (float(segment), float(video))
    return choice


def _of_normal_video(frames: pd.DataFrame, segments: pd.DataFrame, params: Params) -> Thresholds:
    """Each threshold just above the ``quantile`` of held-out normal video."""
    frames, segments = (rows[rows["role"] == "calibration"] for rows in (frames, segments))
    segment = _above(segments["score"], params.quantile)
    return Thresholds(
        _above(frames["score"], params.quantile), segment, _above(videos(segments, segment)["score"], params.quantile)
    )


def _above(values: pd.Series, quantile: float) -> float:
    return float(np.nextafter(np.quantile(values, quantile), np.inf))
