"""Draw plots/pictures: scenes, distributions, curves, types of event, timelines, heat maps, what two networks see."""

import logging
from pathlib import Path

import pandas as pd

from vad import artifacts, panels, params, pictures, scale, scene_pictures, stage, style, timelines
from vad.frames import FrameStore
from vad.names import check, ordered
from vad.results import read_json, read_metrics, read_table

FOLDER = Path("plots/pictures")
MODELS = Path("data/models")


def main() -> dict:
    section = params.section("pictures", pictures.Params)
    store, metrics = FrameStore(), read_metrics()
    fused = pd.read_parquet("data/fused.parquet")
    table = scale.shown(fused, read_json(Path("data/thresholds.json")))
    names = ordered(table["detector"])
    check(section.timeline, names, "pictures.timeline")
    with artifacts.replacing(FOLDER) as folder, style.style():
        folder.mkdir()
        draw_views(store, section, folder)
        pictures.distributions(table, folder / "densities", section.dpi)
        pictures.roc(table, metrics, folder / "roc", section.dpi)
        pictures.precision_recall(table, metrics, folder / "pr", section.dpi)
        pictures.events(metrics, folder / "events", section.dpi)
        draw_timelines(table, names, store, section, folder)
        drawn = [
            name
            for name in names
            if panels.draw(
                name, table[table["detector"] == name], store, section.examples, section.opacity,
                folder / f"panels_{name}", section.dpi,
            )
        ]  # fmt: skip
        draw_cams(fused[fused["detector"] == "gradcam"], store, section, folder)
        draw_windows(fused[fused["detector"] == "stae"], store, section, folder)
    logging.info("heat-map panels: %s", ", ".join(drawn) or "none (no detector left maps)")
    return {"frames": len(table)}


def draw_views(store: FrameStore, section, folder: Path) -> None:
    if store.has_pixels and (shown := scene_pictures.views(store, read_table(Path("data/events.csv")))):
        scene_pictures.draw(shown, store, folder / "scenes", section.dpi)


def draw_timelines(table: pd.DataFrame, names: list[str], store: FrameStore, section, folder: Path) -> None:
    wanted = [name for name in section.timeline if name in names] or names[:1]
    fps = dict(zip(store.manifest["clip"], store.manifest["fps"], strict=True))
    for number, clips in enumerate(timelines.pages(table, wanted, fps, section.clips_per_page), start=1):
        timelines.page(
            table, clips, wanted, fps, section.peak_distance, folder / f"timeline_{number:02d}", section.dpi
        )  # fmt: skip


def draw_cams(rows: pd.DataFrame, store: FrameStore, section, folder: Path) -> None:
    """Class activation maps of an ordinary and of the most unusual frame, where Grad-CAM ran."""
    if not (state := fitted("gradcam")):
        return
    from vad import backbones, cam_pictures, gradcam  # PyTorch takes seconds to load

    shown = cam_pictures.examples(rows, [clip for clip in store.clips() if clip.path])
    if shown:
        backbone = backbones.load(params.section("backbone", backbones.Params))
        settings = params.section("gradcam", gradcam.Params)
        cam_pictures.draw(state, settings, backbone, shown, section.opacity, folder / "cams", section.dpi)


def draw_windows(rows: pd.DataFrame, store: FrameStore, section, folder: Path) -> None:
    """What the spatio-temporal autoencoder makes of a normal window and of the most abnormal one, where it ran."""
    if not (state := fitted("stae")):
        return
    from vad import stae, stae_pictures

    shown = stae_pictures.examples(rows, [clip for clip in store.clips() if clip.path])
    if shown:
        detector = stae.Detector(state, params.section("stae", stae.Params))
        stae_pictures.draw(detector, shown, folder / "stae", section.dpi)


def fitted(name: str) -> dict:
    """The state of a detector that is fitted once; empty where it did not run. PyTorch goes on with one thread."""
    if not (MODELS / name / "all.safetensors").exists():
        return {}
    import torch

    torch.set_num_threads(1)  # sums in one order, the same bytes
    return artifacts.load_state(MODELS / name)[0]["all"]


if __name__ == "__main__":
    stage.run(main)
