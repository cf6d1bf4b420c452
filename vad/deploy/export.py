"""From a run of the pipeline to a bundle: which detectors, with which weights and thresholds.

A detector earns its place where the fusion gives it at least three quarters of an equal share, on the mean over folds;
weights come from permitted labelled frames. What learns from labels is fitted once more on all that are permitted, and
the bundle's thresholds come from all of them too: the numbers in the card are the cross-fitted ones, of fits that had
not seen the clip they scored. Thresholds are on causal scores, which is what a camera has.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pydantic

from vad.data.frames import Clip
from vad.deploy.bundle import FittedBundle, Network
from vad.deploy.stream import FUSION
from vad.detectors import fitted, registry
from vad.features import quantising
from vad.features.backbones import Backbone
from vad.perception.camera import Camera
from vad.perception.feeding import camera_of
from vad.perception.passes import Pass
from vad.pipeline.errors import CannotFit, UserError
from vad.pipeline.params import Protocol, Section
from vad.pipeline.results import LIVE, MODELS, read_json, why_skipped
from vad.post_processing import calibration, fused, fusion, temporal, thresholds
from vad.protocol.fitting import Plan

log = logging.getLogger(__name__)

Looks = tuple[Backbone, list[str], int]  # what is looked through: backbone, outputs, side of the input in pixels
PEAKED = ("weak",)  # whose frame score is the highest value of its map
SHARE = 0.75  # of an equal share of the fusion's weight, at least


class Params(Section):
    """Section ``bundle``."""

    detectors: Literal["fusion", "all"] | list[str]
    threshold: Literal["budget", "f1"]
    engine: Literal["torch", "onnxruntime", "openvino", "fastest"]
    precision: Literal["float32", "int8"]
    stride: int = pydantic.Field(ge=1, le=100)


def check_precision(settings: Params) -> None:
    """Refuse a precision that the engine cannot run, before anything is made.

    Raises:
        UserError: int8 by PyTorch, or on a processor that cannot add it up.
    """
    if settings.precision == "int8":
        if settings.engine == "torch":
            raise UserError(
                "params.yaml: bundle.precision = int8 is of graphs, which bundle.engine = torch does not run: take "
                "the engine onnxruntime or openvino"
            )
        quantising.check_processor()


def chosen(wanted: Literal["fusion", "all"] | list[str], weights: dict[str, dict[str, float]]) -> list[str]:
    """The detectors of the bundle, in the order of params.yaml.

    Args:
        wanted: section ``bundle``; weights: fold -> detector -> weight in the fusion.

    Raises:
        UserError: a detector that is named was not fitted or cannot follow a live camera.
        CannotFit: none was named, and none of those that would be taken can.
    """
    can = [name for name in registry.switches() if why_skipped(name) is None and streams(name)]
    if isinstance(wanted, list):
        for name in wanted:
            registry.declared(name)
            if reason := why_skipped(name):
                raise UserError(f"params.yaml: bundle.detectors: {name} is not there: {reason}")
            if not streams(name):
                raise UserError(f"params.yaml: bundle.detectors: {name} cannot follow a live camera; choose from {can}")
        return [name for name in registry.switches() if name in wanted]
    if wanted == "all":
        if not can:
            raise CannotFit("no detector that was fitted follows a live camera")
        return can
    mean = pd.DataFrame(weights.values()).fillna(0).mean()
    earned = [name for name in can if mean.get(name, 0.0) >= SHARE / max(1, len(mean))]
    if not earned:
        raise CannotFit(
            "no member of the fusion that earns its place follows a live camera; bundle.detectors may name some"
        )
    return earned


def streams(name: str) -> bool:
    """Whether detector ``name`` can follow a live camera.

    One of tracks that came with the data cannot: objects that are linked here are not what it was fitted on.
    """
    linked = read_json(MODELS / name / "meta.json").get("linked", True)
    return linked and hasattr(registry.module(name).Detector, "stream")


def save_model(name: str, folder: Path, plan: Plan) -> None:
    """Detector ``name`` as ``folder/name``, with the one fit ``all``.

    One that has a fit per fold is fitted once more, on all that its folds are permitted together.
    """
    model = fitted.load_fitted(MODELS / name)
    if set(model.states) != {"all"}:
        plan = replace(plan, protocol="paper")  # one fold: everything permitted
        needs = (model.backbone,) if plan.declared.needs_backbone else ()
        state = registry.module(name).fit(plan.clips(plan.folds[0].fit), model.settings, plan.seed, *needs)
        fitted.save(plan, model.settings, {"all": state}, *needs, into=folder)
    else:
        fitted.copy(MODELS / name, folder / name)


def looks(made: FittedBundle) -> list[Looks]:
    """The networks that a camera of the bundle ``made`` runs through without gradients."""
    scene, known = next(iter(made.known_scenes.items()), ("", None))
    size = (320, 240) if known is None else known.background.image.shape[1::-1]
    scorer = made.open(Camera("export", scene, 25.0, size))
    seen = [(one.backbone, *one.graph) for one in scorer.perception.components() if isinstance(one, Pass) and one.graph]
    return seen + [one.looks_through for one in made.fitted.values() if getattr(one, "looks_through", None)]


def latency(made: FittedBundle, clips: Sequence[Clip]) -> dict[str, float]:
    """Clip -> seconds after a frame at which a camera like the clip's gets the readings of it."""
    known: dict[tuple, float] = {}
    for clip in clips:
        key = (clip.scene, clip.fps, clip.size)
        if key not in known:
            scorer = made.open(camera_of(clip))
            known[key] = scorer.latency / clip.fps
    return {clip.name: known[clip.scene, clip.fps, clip.size] for clip in clips}


def save_networks(made: FittedBundle, seen: list[Looks]) -> list[Network]:
    """Write a graph of each of the networks of ``made``, see :func:`looks`."""
    networks: list[Network] = []
    for backbone, names, side in seen:
        file = f"network{len(networks)}.onnx"
        backbone.export(names, side, made.folder / file)
        assert backbone.params is not None  # the bundle loaded it by them
        networks.append(Network(file=file, outputs=names, side=side, backbone=backbone.params))
    return networks


def save_heads(made: FittedBundle) -> dict[str, str]:
    """Write a graph of what follows the backbone in the detectors that can; detector -> file."""
    files = {name: f"head_{name}.onnx" for name, one in made.fitted.items() if hasattr(one, "export")}
    for name, file in files.items():
        made.fitted[name].export(made.folder / file)
    return files


def normal_scores(folder: Path, names: list[str], smoothing: temporal.Params) -> dict[str, pd.Series]:
    """Detector -> causal scores of held-out normal frames by (clip, frame), of the models in ``folder``."""
    result = {}
    for name in names:
        rows = fitted.load_fitted(folder / name).normal.sort_values(["clip", "frame"], ignore_index=True)
        smoothed, score = np.empty(len(rows)), LIVE if LIVE in rows else "score"
        for _, own in rows.groupby("clip").indices.items():
            part = rows.iloc[own]
            scores, frames = part[score].to_numpy(np.float64), part["frame"].to_numpy()
            smoothed[own] = temporal.causal(scores, frames, float(part["fps"].iloc[0]), smoothing)
        result[name] = pd.Series(smoothed, pd.MultiIndex.from_frame(rows[["clip", "frame"]]))
    return result


def levels(folder: Path, names: list[str], quantile: float) -> dict[str, float]:
    """Detector -> the quantile of its held-out normal frames' raw scores: of those whose score is their map's peak.

    Args:
        folder: of the models; quantile: section ``pictures``, as the boxes of the annotated videos.
    """
    normal = {name: fitted.load_fitted(folder / name).normal["score"].to_numpy() for name in names if name in PEAKED}
    return {name: float(np.quantile(own, quantile)) for name, own in normal.items() if len(own)}


def fused_normal(normal: dict[str, pd.Series], weights: dict[str, float]) -> np.ndarray:
    """(M,) the fusion's values on the held-out normal frames that any detector scored."""
    surprises = pd.DataFrame(
        {
            name: pd.Series(calibration.surprise(calibration.quantile(own.to_numpy(), own.to_numpy())), own.index)
            for name, own in normal.items()
        }
    ).fillna(fused.ORDINARY)
    return sum(surprises[name].to_numpy() * weight for name, weight in weights.items())


@dataclass(frozen=True)
class Decision:
    """The bundle's detectors on the run's test frames: the fusion of these alone, and everybody's thresholds.

    Attributes:
        tables: detector -> its rows of the fused table; fps: per clip.
        rule: "budget" or "f1"; without labels it is the budget whatever this says.
    """

    tables: dict[str, pd.DataFrame]
    fps: dict[str, float]
    protocol: Protocol
    fusing: fusion.Params
    tuning: thresholds.Params
    rule: Literal["budget", "f1"]
    seed: int

    @cached_property
    def _panel(self) -> fused.Panel:
        return fused.Panel.of(self.tables)

    @cached_property
    def _rules(self) -> dict[int, fusion.Rule]:
        return fusion.rules(self._panel.pool(), self.protocol, self.fusing, self.seed)[FUSION]

    @cached_property
    def weights(self) -> dict[str, float]:
        """Detector -> weight in the bundle's fusion: the mean over folds."""
        mean = np.mean([rule.weights for rule in self._rules.values() if rule.weights is not None], axis=0)
        return {name: float(weight) for name, weight in zip(self._panel.detectors, mean, strict=True)}

    @cached_property
    def live(self) -> dict[str, pd.DataFrame]:
        """Detector and ``FUSION`` -> rows with ``live``, the calibrated causal score, cross-fitted."""
        tables = {**self.tables, FUSION: self._panel.rows(FUSION, self._rules)}
        return {name: rows.assign(live=calibration.by_fold(rows, "causal")) for name, rows in tables.items()}

    @cached_property
    def tuned(self) -> dict[str, dict]:
        """Detector and ``FUSION`` -> the values of ``thresholds.tune`` from all permitted frames."""
        labels: Protocol = "one_class" if self.protocol == "one_class" else "paper"  # paper: from all that is labelled
        rule = "budget" if self.protocol == "one_class" else self.rule
        settings = self.tuning.model_copy(update={"rule": rule})
        result = {}
        for name, rows in self.live.items():
            one = rows.assign(fold=0)
            test, normal = (one[one["role"] == role] for role in ("test", "calibration"))
            # A detector with several fits scored the held-out frames by each of them.
            values = normal.groupby(["clip", "frame"], observed=True)["live"].mean().reset_index()
            normal = normal.drop_duplicates(["clip", "frame"]).drop(columns=["live"])
            normal = normal.assign(fold=-1).merge(values, on=["clip", "frame"])
            one = pd.concat([test, normal], ignore_index=True)
            result[name] = thresholds.tune(one, self.fps, labels, settings)["0"]
        return result

    def thresholds(self) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
        """By detector and ``FUSION``, and scene -> the same where they are tuned per scene."""
        overall = {name: float(values["threshold"]) for name, values in self.tuned.items()}
        if not self.tuning.per_scene:
            return overall, {}
        scenes = sorted({scene for values in self.tuned.values() for scene in values["scenes"]})
        return overall, {s: {n: float(values["scenes"][s]) for n, values in self.tuned.items()} for s in scenes}
