"""Put the fitted detectors into one folder that a camera or a file can be pointed at: data/bundle.

In: what was fitted and scored, data/fused.parquet, data/fusion.json, data/scenes. Out: see vad.deploy.bundle.
"""

import logging

from vad.data.frames import DATA, FrameStore
from vad.deploy import assembling, bundle, card, export, fastest, sealed
from vad.detectors import fitted, registry
from vad.metrics import measures
from vad.pipeline import artifacts, params, stage
from vad.pipeline.errors import CannotFit
from vad.pipeline.results import read_json, read_table
from vad.post_processing import fused, fusion, temporal, thresholds
from vad.protocol.fitting import Plan

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
        assembling.calibrate(folder, normal, decision)
        described = assembling.described(settings, names, decision, smoothing)
        quantile = params.read_file()["pictures"]["box_quantile"]
        described = described.model_copy(update={"levels": export.levels(folder / "models", names, quantile)})
        assembling.copy_perception(folder, described)
        made = bundle.FittedBundle(folder, described.model_copy(update={"engine": "torch"}))
        seen = export.looks(made)
        graphs = {"networks": export.save_networks(made, seen), "heads": export.save_heads(made)}
        described = described.model_copy(update=graphs)
        if settings.precision == "int8" and seen:
            normal |= assembling.rounded(made, described, seen, store)
            assembling.calibrate(folder, normal, decision)
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


if __name__ == "__main__":
    stage.run(main)
