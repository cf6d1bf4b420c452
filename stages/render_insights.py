"""Draw plots/insights: the data by scene and type of event, and what two networks see.

Of all scores, only those of the two networks change these.
"""

from pathlib import Path

import pandas as pd

from vad.data.frames import FrameStore
from vad.pipeline import artifacts, params, stage
from vad.pipeline.results import read_table
from vad.visualization import pictures, scene_pictures, style

FOLDER = Path("plots/insights")
MODELS = Path("data/models")


def main() -> dict:
    section = params.section("pictures", pictures.Params)
    store = FrameStore()
    with artifacts.replacing(FOLDER) as folder, style.style():
        folder.mkdir()
        draw_views(store, section, folder)
        draw_cams(store, section, folder)
        draw_windows(store, section, folder)
    return {}


def draw_views(store: FrameStore, section, folder: Path) -> None:
    if store.has_pixels and (shown := scene_pictures.views(store, read_table(Path("data/events.csv")))):
        scene_pictures.draw(shown, store, folder / "scenes", section.dpi)


def draw_cams(store: FrameStore, section, folder: Path) -> None:
    """Class activation maps of an ordinary and of the most unusual frame, where Grad-CAM ran."""
    if not (state := fitted("gradcam")):
        return
    from vad.detectors import gradcam
    from vad.features import backbones
    from vad.visualization import cam_pictures  # PyTorch takes seconds to load

    shown = cam_pictures.examples(
        pd.read_parquet("data/scores/gradcam.parquet"), [clip for clip in store.clips() if clip.path]
    )
    if shown:
        backbone = backbones.load(params.section("backbone", backbones.Params))
        settings = params.section("gradcam", gradcam.Params)
        cam_pictures.draw(state, settings, backbone, shown, section.opacity, folder / "cams", section.dpi)


def draw_windows(store: FrameStore, section, folder: Path) -> None:
    """What the spatio-temporal autoencoder makes of a normal window and of the most abnormal one, where it ran."""
    if not (state := fitted("stae")):
        return
    from vad.detectors.stae import detector as stae
    from vad.visualization import stae_pictures

    shown = stae_pictures.examples(
        pd.read_parquet("data/scores/stae.parquet"), [clip for clip in store.clips() if clip.path]
    )
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
