"""Put the fitted detectors into one folder that a camera or a file can be pointed at: data/bundle.

In: what was fitted and scored, data/fused.parquet, data/fusion.json, data/scenes. Out: see vad.deploy.bundle.
"""

import logging
from pathlib import Path

import pandas as pd

from vad.data.frames import DATA, FrameStore
from vad.data.packing import Params as Extraction
from vad.deploy import bundle, card, eight_bit, export, fastest, sealed
from vad.deploy.stream import FUSION
from vad.detectors import fitted, registry
from vad.features import encoders, semantic
from vad.metrics import measures
from vad.perception import detection, tracking
from vad.pipeline import artifacts, params, stage
from vad.pipeline.errors import CannotFit
from vad.pipeline.results import read_json, read_table
from vad.post_processing import fused, fusion, temporal, thresholds
from vad.protocol.fitting import Plan
from vad.protocol.folds import select

OUT = DATA / "bundle"


def main() -> dict:
    settings, common = params.section("bundle", export.Params), params.common()
    export.check_precision(settings)
    store = FrameStore()
    weights = {fold: own["weights"] for fold, own in read_json(DATA / "fusion.json")["chosen"].items()}
    try:
        names = export.chosen(settings.detectors, weights)
    except CannotFit as reason:
        return stand_aside(str(reason))
    table = fused.load(DATA / "fused.parquet")
    tuning = params.section("thresholds", thresholds.Params)
    decision = export.Decision(
        tables={name: table[table["detector"] == name] for name in names},
        fps=store.manifest.set_index("clip")["fps"].astype(float).to_dict(),
        protocol=common.protocol,
        fusing=params.section("fusion", fusion.Params),
        tuning=tuning,
        rule=settings.threshold,
        seed=common.seed,
    )
    with artifacts.replacing(OUT) as folder:
        folder.mkdir()
        for name in names:
            export.save_model(name, folder / "models", Plan.of(registry.declared(name), store))
        models = {name: fitted.load_fitted(folder / "models" / name).meta for name in names}
        smoothing = params.section("temporal", temporal.Params)
        normal = export.normal_scores(folder / "models", names, smoothing)
        _calibrate(folder, normal, decision)
        described = _settings(settings, names, decision, smoothing)
        quantile = params.read_file()["pictures"]["box_quantile"]
        described = described.model_copy(update={"levels": export.levels(folder / "models", names, quantile)})
        _perception(folder, described)
        made = bundle.FittedBundle(folder, described.model_copy(update={"engine": "torch"}))
        seen = export.looks(made)
        graphs = {"networks": export.save_networks(made, seen), "heads": export.save_heads(made)}
        described = described.model_copy(update=graphs)
        if settings.precision == "int8" and seen:
            normal |= _rounded(made, described, seen, store)
            _calibrate(folder, normal, decision)
        raced = {}
        if settings.engine == "fastest":
            clip = next(clip for clip in store.clips("train") if clip.path)
            raced = fastest.times(bundle.FittedBundle(folder, described), clip)
            described = described.model_copy(update={"engine": next(iter(raced))})
        artifacts.save_json(folder / "bundle.json", described.model_dump(mode="json"), digits=None)
        evaluation = params.section("evaluation", measures.Params)
        events = read_table(DATA / "events.csv")
        latency = export.latency(made, [clip for clip in store.clips("test") if clip.scene in described.scenes])
        facts = card.card(decision, events, evaluation, tuning.merge_seconds, models, latency)
        facts |= card.rounded(described) | card.raced(raced)
        artifacts.save_json(folder / "card.json", facts)
        card.write(folder, facts, common.protocol)
        sealed.seal(folder)
    logging.info("%s: %s", OUT, ", ".join(names))
    return {"detectors": len(names)}


def stand_aside(reason: str) -> dict:
    """A bundle that says why there is none, so that the run goes on."""
    logging.info("no bundle: %s", reason)
    with artifacts.replacing(OUT) as folder:
        folder.mkdir()
        artifacts.save_json(folder / "bundle.json", {"format": bundle.FORMAT, "skipped": reason})
        sealed.seal(folder)
    return {"detectors": 0}


def _rounded(
    made: bundle.FittedBundle, described: bundle.Settings, seen: list[export.Looks], store: FrameStore
) -> dict[str, pd.Series]:
    """Round the graphs of ``made`` to int8; what held-out normal video scores by them."""
    plan = Plan.of(registry.declared(eight_bit.looking(made)[0]), store)
    eight_bit.quantise(made, seen, select(store, plan.sample[plan.sample["role"] == "fit_all"]))
    by_graphs = bundle.FittedBundle(made.folder, described)
    return eight_bit.normal_scores(by_graphs, select(store, plan.folds[0].calibration))


def _calibrate(folder: Path, normal: dict[str, pd.Series], decision: export.Decision) -> None:
    values = {name: own.to_numpy() for name, own in normal.items()}
    values[FUSION] = export.fused_normal(normal, decision.weights)
    artifacts.save_state(folder / "calibration", {"normal": values}, {})


def _settings(
    settings: export.Params, names: list[str], decision: export.Decision, smoothing: temporal.Params
) -> bundle.Settings:
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


def _perception(folder: Path, settings: bundle.Settings) -> None:
    """What the detectors look through: scenes, and the vectors of the encoder's labels."""
    if settings.objects is not None:
        artifacts.save_state(folder / "scenes", artifacts.load_state(DATA / "scenes")[0], {})
    if settings.encoder is not None:
        encoder = encoders.load(params.section("encoder", semantic.Params))
        if hasattr(encoder, "label_vectors"):
            artifacts.save_state(folder / "encoder", {"labels": {"vectors": encoder.label_vectors}}, {})


if __name__ == "__main__":
    stage.run(main)
