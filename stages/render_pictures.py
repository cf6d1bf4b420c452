"""Draw plots/pictures: what depends on thresholds: distributions, timelines and heat maps."""

import logging
from functools import partial
from pathlib import Path

import pandas as pd

from vad import artifacts, params, stage
from vad.drawing import panels, pictures, scale, style, timelines
from vad.frames import FrameStore
from vad.names import check, ordered
from vad.results import read_json

FOLDER = Path("plots/pictures")


def main() -> dict:
    section = params.section("pictures", pictures.Params)
    store = FrameStore()
    table = scale.shown(pd.read_parquet("data/fused.parquet"), read_json(Path("data/thresholds.json")))
    names = ordered(table["detector"])
    check(section.timeline, names, "pictures.timeline")
    with artifacts.replacing(FOLDER) as folder, style.style():
        folder.mkdir()
        panel = {
            name: partial(
                panels.draw, name, table[table["detector"] == name], store, section.examples, section.opacity,
                folder / f"panels_{name}", section.dpi,
            )
            for name in names
        }  # fmt: skip
        lines = timeline_pages(table, names, store, section, folder)
        densities = partial(pictures.distributions, table, folder / "densities", section.dpi)
        drawn = style.side_by_side([*lines, densities, *panel.values()])[len(lines) + 1 :]
    shown = [name for name, there in zip(panel, drawn, strict=True) if there]
    logging.info("heat-map panels: %s", ", ".join(shown) or "none (no detector left maps)")
    return {"frames": len(table)}


def timeline_pages(table: pd.DataFrame, names: list[str], store: FrameStore, section, folder: Path) -> list[partial]:
    """What draws each page of timelines."""
    wanted = [name for name in section.timeline if name in names] or names[:1]
    fps = dict(zip(store.manifest["clip"], store.manifest["fps"], strict=True))
    pages = timelines.pages(table, wanted, fps, section.clips_per_page)
    return [
        partial(
            timelines.page, table, clips, wanted, fps, section.peak_distance, folder / f"timeline_{number:02d}",
            section.dpi,
        )
        for number, clips in enumerate(pages, start=1)
    ]  # fmt: skip


if __name__ == "__main__":
    stage.run(main)
