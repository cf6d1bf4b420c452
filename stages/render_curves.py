"""Draw plots/curves: ROC and precision-recall per detector, and AUC by type of event. No threshold changes these."""

from pathlib import Path

from vad.pipeline import artifacts, params, stage
from vad.pipeline.results import read_json
from vad.visualization import pictures, scale, style

FOLDER = Path("plots/curves")


def main() -> dict:
    section = params.section("pictures", pictures.Params)
    table, ranking = scale.shown(artifacts.load_table("data/fused.parquet"), {}), read_json(Path("data/ranking.json"))
    with artifacts.replacing(FOLDER) as folder, style.style():
        folder.mkdir()
        pictures.roc(table, ranking, folder / "roc", section.dpi)
        pictures.precision_recall(table, ranking, folder / "pr", section.dpi)
        pictures.events(ranking, folder / "events", section.dpi)
    return {"frames": len(table)}


if __name__ == "__main__":
    stage.run(main)
