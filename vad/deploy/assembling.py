"""The parts of a bundle that come from a run's workspace and params.yaml: settings, scenes, calibration."""

from pathlib import Path

import pandas as pd

from vad.data.frames import DATA, FrameStore
from vad.data.packing import Params as Extraction
from vad.deploy import bundle, eight_bit, export
from vad.deploy.stream import FUSION
from vad.detectors import registry
from vad.features import encoders, semantic
from vad.perception import detection, tracking
from vad.pipeline import artifacts, params
from vad.post_processing import temporal
from vad.protocol.fitting import Plan
from vad.protocol.folds import select


def rounded(
    made: bundle.FittedBundle, described: bundle.Settings, seen: list[export.Looks], store: FrameStore
) -> dict[str, pd.Series]:
    """Round the graphs of ``made`` to int8; what held-out normal video scores by them."""
    plan = Plan.of(registry.declared(eight_bit.looking(made)[0]), store)
    eight_bit.quantise(made, seen, select(store, plan.sample[plan.sample["role"] == "fit_all"]))
    by_graphs = bundle.FittedBundle(made.folder, described)
    return eight_bit.normal_scores(by_graphs, select(store, plan.folds[0].calibration))


def calibrate(folder: Path, normal: dict[str, pd.Series], decision: export.Decision) -> None:
    """Keep each detector's scores of held-out normal video, and the fusion's of them, in ``folder``/calibration."""
    values = {name: own.to_numpy() for name, own in normal.items()}
    values[FUSION] = export.fused_normal(normal, decision.weights)
    artifacts.save_state(folder / "calibration", {"normal": values}, {})


def described(
    settings: export.Params, names: list[str], decision: export.Decision, smoothing: temporal.Params
) -> bundle.Settings:
    """What bundle.json says before anything is made: sections of params.yaml, the decision, the scenes."""
    reads = {source for name in names for source in registry.declared(name).reads}
    overall, by_scene = decision.thresholds()
    scenes = sorted(path.stem for path in (DATA / "scenes").glob("*.safetensors"))
    return bundle.Settings(
        format=bundle.FORMAT,
        detectors=names,
        scenes=scenes,
        short_side=params.section("extract_frames", Extraction).short_side,
        stride=settings.stride,
        engine="onnxruntime" if settings.engine == "fastest" else settings.engine,
        precision=settings.precision,
        networks=[],
        heads={},
        temporal=smoothing,
        weights=decision.weights,
        thresholds=overall,
        scene_thresholds=by_scene,
        objects=params.section("extract_objects", detection.Params) if reads & {"objects", "tracks"} else None,
        linking=params.section("link_tracks", tracking.Params) if "tracks" in reads else None,
        encoder=params.read_file()["encoder"] if "embeddings" in reads else None,
    )


def copy_perception(folder: Path, settings: bundle.Settings) -> None:
    """What the detectors look through: scenes, and the vectors of the encoder's labels."""
    if settings.objects is not None:
        artifacts.save_state(folder / "scenes", artifacts.load_state(DATA / "scenes")[0], {})
    if settings.encoder is not None:
        encoder = encoders.load(params.section("encoder", semantic.Params))
        if hasattr(encoder, "label_vectors"):
            artifacts.save_state(folder / "encoder", {"labels": {"vectors": encoder.label_vectors}}, {})
