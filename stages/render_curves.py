"""Draw plots/curves: ROC and precision-recall per detector, AUC by type of event, who beats whom.

No threshold changes these. Without labels: how far the detectors agree.
"""

from pathlib import Path

import pandas as pd

from vad.evaluation import agreement
from vad.pipeline import artifacts, params, stage
from vad.pipeline.results import read_json
from vad.visualization import comparison_pictures, pictures, scale, style

FOLDER = Path("plots/curves")


def main() -> dict:
    section = params.section("pictures", pictures.Params)
    table, ranking = scale.ranked(artifacts.load_table("data/fused.parquet")), read_json(Path("data/ranking.json"))
    with artifacts.replacing(FOLDER) as folder, style.style():
        folder.mkdir()
        pictures.roc(table, ranking, folder / "roc", section.dpi)
        pictures.precision_recall(table, ranking, folder / "pr", section.dpi)
        pictures.events(ranking, folder / "events", section.dpi)
        draw_comparison(table, folder, section.dpi)
    return {"frames": len(table)}


def draw_comparison(table: pd.DataFrame, folder: Path, dpi: int) -> None:
    if compared := read_json(Path("data/comparison.json")):
        comparison_pictures.beats(compared, folder / "beats", dpi)
    else:
        tests = dict(iter(table.groupby("detector", observed=True)))
        comparison_pictures.agreement(agreement.agreement(tests), folder / "agreement", dpi)


if __name__ == "__main__":
    stage.run(main)
