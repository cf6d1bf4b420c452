"""Draw plots/insights: the data by scene and type of event, what two networks see, and what weak's maps say.

Of all scores, only those of these three detectors change them.
"""

from pathlib import Path

from vad.data.frames import FrameStore
from vad.detectors.fitted import Fitted, load_fitted
from vad.pipeline import artifacts, params, stage
from vad.pipeline.results import MODELS, read_table, why_skipped
from vad.visualization import evidence_pictures, pictures, scene_pictures, style

FOLDER = Path("plots/insights")


def main() -> dict:
    section = params.section("pictures", pictures.Params)
    store = FrameStore()
    with artifacts.replacing(FOLDER) as folder, style.style():
        folder.mkdir()
        draw_views(store, section, folder)
        draw_cams(store, section, folder)
        draw_windows(store, section, folder)
        if not why_skipped("weak"):
            rows = artifacts.load_table("data/scores/weak.parquet")
            evidence_pictures.draw(rows, section.box_quantile, folder / "weak", section.dpi)
    return {}


def draw_views(store: FrameStore, section, folder: Path) -> None:
    if store.has_pixels and (shown := scene_pictures.views(store, read_table(Path("data/events.csv")))):
        scene_pictures.draw(shown, store, folder / "scenes", section.dpi)


def draw_cams(store: FrameStore, section, folder: Path) -> None:
    """Class activation maps of an ordinary and of the most unusual frame, where Grad-CAM ran."""
    if not (model := fitted("gradcam")):
        return
    from vad.visualization import cam_pictures  # PyTorch takes seconds to load

    shown = cam_pictures.examples(
        artifacts.load_table("data/scores/gradcam.parquet"), [clip for clip in store.clips() if clip.path]
    )
    if shown:
        state, settings = model.states["all"], model.settings
        assert isinstance(settings, cam_pictures.Params)
        cam_pictures.draw(state, settings, model.backbone, shown, section.opacity, folder / "cams", section.dpi)


def draw_windows(store: FrameStore, section, folder: Path) -> None:
    """What the spatio-temporal autoencoder makes of a normal window and of the most abnormal one, where it ran."""
    if not (model := fitted("stae")):
        return
    from vad.visualization import stae_pictures

    shown = stae_pictures.examples(
        artifacts.load_table("data/scores/stae.parquet"), [clip for clip in store.clips() if clip.path]
    )
    if shown:
        stae_pictures.draw(model.detector(), shown, folder / "stae", section.dpi)


def fitted(name: str) -> Fitted | None:
    """A fitted detector; None where it did not run. PyTorch goes on with one thread."""
    if why_skipped(name):
        return None
    import torch

    torch.set_num_threads(1)  # sums in one order, the same bytes
    return load_fitted(MODELS / name)


if __name__ == "__main__":
    stage.run(main)
