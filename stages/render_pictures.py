"""Draw plots/pictures: what depends on thresholds: distributions, timelines and heat maps."""

import logging
from pathlib import Path

import pandas as pd

from vad.data.frames import FrameStore
from vad.detectors.titles import check, ordered
from vad.pipeline import artifacts, params, stage
from vad.pipeline.results import read_json
from vad.visualization import panels, pictures, scale, style, timelines

FOLDER = Path("plots/pictures")


def main() -> dict:
    section = params.section("pictures", pictures.Params)
    store = FrameStore()
    table = scale.decided(artifacts.load_table("data/fused.parquet"), read_json(Path("data/thresholds.json")))
    names = ordered(table["detector"])
    check(section.timeline, names, "pictures.timeline")
    with artifacts.replacing(FOLDER) as folder, style.style():
        folder.mkdir()
        pictures.distributions(table, folder / "densities", section.dpi)
        draw_timelines(table, names, store, section, folder)
        drawn = [
            name
            for name in names
            if panels.draw(
                name, table[table["detector"] == name], store, section.examples, section.opacity,
                folder / f"panels_{name}", section.dpi,
            )
        ]  # fmt: skip
    logging.info("heat-map panels: %s", ", ".join(drawn) or "none (no detector left maps)")
    return {"frames": len(table)}


def draw_timelines(table: pd.DataFrame, names: list[str], store: FrameStore, section, folder: Path) -> None:
    wanted = [name for name in section.timeline if name in names] or names[:1]
    fps = dict(zip(store.manifest["clip"], store.manifest["fps"], strict=True))
    for number, clips in enumerate(timelines.pages(table, wanted, fps, section.clips_per_page), start=1):
        timelines.page(
            table, clips, wanted, fps, section.peak_distance, folder / f"timeline_{number:02d}", section.dpi
        )  # fmt: skip


if __name__ == "__main__":
    stage.run(main)
