"""The detectors by name: their modules, whether they can run on this data, fitting and scoring them.

A detector is one module of this package with

- ``SOURCE``: "frames", "embeddings" or "tracks"; ``ROLE``: the sample role it is fitted on; ``LABELLED``: whether it
  learns from labelled anomalies (then it is cross-fitted over clips, see ``vad.protocol.folds``);
- ``NEEDS_BACKBONE = True`` where it takes the loaded backbone as last argument;
- ``Params``; ``fit(clips, params, seed) -> state``; ``Detector(state, params).score(clip) -> (scores, maps)``.

A new one is that file, its stage in dvc.yaml and its entry in the detectors of params.yaml and dvc.yaml.
"""

import importlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from tqdm import tqdm

from vad.data.frames import Clip, FrameStore
from vad.pipeline import artifacts, imports, params
from vad.pipeline.errors import UserError
from vad.post_processing.calibration import quantile
from vad.protocol.folds import folds, select

log = logging.getLogger(__name__)

MODELS = Path("data/models")
SAMPLE = Path("data/sample.parquet")


def switched_on(name: str) -> bool:
    """Whether params.yaml has detector ``name`` run."""
    known = params.switches()
    if name not in known:
        raise UserError(f"unknown detector '{name}'; params.yaml (detectors) has {', '.join(known)}")
    return known[name]


def module(name: str) -> ModuleType:
    """The module of detector ``name``."""
    switched_on(name)
    return importlib.import_module(f"vad.detectors.{name}")


def why_not(name: str, store: FrameStore) -> str | None:
    """Why a detector does not run here, in a few words; None when it does."""
    if not switched_on(name):
        return "switched off in params.yaml (detectors)"
    source = module(name).SOURCE
    if source == "tracks":
        return None if len(store.linked_tracks) else "the data set has no person tracks"
    return None if store.has_pixels else "the data set has no pixels, only tracks"


def why_blind(name: str, store: FrameStore, sample: pd.DataFrame) -> str | None:
    """Why a detector of pixels cannot run where only some clips have them; None when it can."""
    detector = module(name)
    if detector.SOURCE == "tracks":
        return None
    for fold in folds(sample, detector.ROLE, detector.LABELLED, params.common().protocol):
        normal = fold.score[fold.score["role"] == "calibration"]
        for rows, use in ((fold.fit, "be fitted on"), (normal, "be compared with")):
            if len(rows) and not rows["clip"].isin(store.with_pixels).any():
                return f"none of the clips to {use} has pixels"
    return None


def fit(name: str) -> dict:
    """Fit detector ``name`` on its role, once per fold of the protocol, and save its state under ``data/models``.

    Returns:
        ``{"frames": n}``, the frames it was fitted on, for the record of costs.
    """
    store = FrameStore()
    sample = pd.read_parquet(SAMPLE)
    if reason := why_not(name, store) or why_blind(name, store, sample):
        log.info("%s does not run: %s", name, reason)
        save(name, {}, {"skipped": reason})
        return {"frames": 0}
    detector, common = module(name), params.common()
    section = params.section(name, detector.Params)
    states, seen = {}, 0
    for fold in folds(sample, detector.ROLE, detector.LABELLED, common.protocol):
        clips = clips_of(detector, store, fold.fit)
        states[fold.name] = detector.fit(clips, section, common.seed, *needs(detector))
        seen += len(fold.fit)
    save(name, states, {"frames": seen})
    return {"frames": seen}


def save(name: str, states: dict[str, dict[str, np.ndarray]], meta: dict) -> None:
    """Save a detector's states under ``data/models``, with the digest of the code that they were fitted by.

    The digest makes the scores depend, through the model, on every module that the detector's own module imports.
    """
    artifacts.save_state(MODELS / name, states, {**meta, "code": imports.digest(name)})


def needs(detector: ModuleType) -> tuple:
    """The shared things a detector asks for: the loaded backbone, or nothing."""
    if not getattr(detector, "NEEDS_BACKBONE", False):
        return ()
    from vad.features import backbones

    return (backbones.load(params.section("backbone", backbones.Params)),)


def clips_of(detector: ModuleType, store: FrameStore, rows: pd.DataFrame) -> list[Clip]:
    """The clips that ``rows`` name and the detector can see, with the tracks or the embeddings that it looks at."""
    if detector.SOURCE == "tracks":
        return with_tracks(select(store, rows, pixels=False), store)
    clips = select(store, rows)
    if detector.SOURCE != "embeddings":
        return clips
    from vad.features.semantic import with_embeddings

    return with_embeddings(clips)


def with_tracks(clips: list[Clip], store: FrameStore) -> list[Clip]:
    """The same clips with their person tracks, linked ones too."""
    tracks = dict(tuple(store.linked_tracks.groupby("clip")))
    return [replace(clip, tracks=tracks.get(clip.name)) for clip in clips]


@dataclass(frozen=True)
class Scored:
    """One clip's scores under one fold: (N,) raw scores and the (N, h, w) map or None."""

    clip: Clip
    rows: pd.DataFrame
    fold: str
    scores: np.ndarray
    maps: np.ndarray | None


def score(name: str, store: FrameStore) -> Iterator[Scored]:
    """Score the test and calibration frames of every clip with the fold's own state."""
    detector, common = module(name), params.common()
    states, meta = artifacts.load_state(MODELS / name)
    sample = pd.read_parquet(SAMPLE)
    if reason := meta.get("skipped") or why_blind(name, store, sample):
        log.info("%s does not run: %s", name, reason)
        return
    section = params.section(name, detector.Params)
    shared = needs(detector)
    plan = folds(sample, detector.ROLE, detector.LABELLED, common.protocol)
    with tqdm(total=sum(len(fold.score) for fold in plan), desc=f"score {name}", unit="frame") as bar:
        for fold in plan:
            fitted = detector.Detector(states[fold.name], section, *shared)
            rows_of = dict(tuple(fold.score.groupby("clip")))
            for clip in clips_of(detector, store, fold.score):
                scores, maps = fitted.score(clip)
                if len(scores) != len(clip.frames) or not np.isfinite(scores).all():
                    raise UserError(f"{name}: clip {clip.name} has no finite score for each of its frames")
                yield Scored(clip, rows_of[clip.name].sort_values("frame"), fold.name, scores, maps)
                bar.update(len(clip.frames))


def score_table(scored: list[Scored]) -> pd.DataFrame:
    """``data/scores/<detector>.parquet``: clip, frame, role, fold, label, score, calibrated.

    ``calibrated`` is the quantile of the raw score among the same fold's held-out normal frames.
    """
    columns = ["clip", "frame", "role", "fold", "label", "score", "calibrated"]
    if not scored:
        return pd.DataFrame({column: [] for column in columns}).astype({"clip": str, "role": str, "fold": str})
    table = pd.concat([s.rows.assign(score=s.scores.astype(np.float64), fold=s.fold) for s in scored])
    parts = []
    for _, part in table.groupby("fold", sort=True):
        normal = part.loc[part["role"] == "calibration", "score"].to_numpy()
        parts.append(part.assign(calibrated=quantile(part["score"].to_numpy(), normal)))
    return pd.concat(parts)[columns].sort_values(["role", "fold", "clip", "frame"], ignore_index=True)
