"""Measure where the detectors see the anomalies, for those that leave maps: pixel ROC-AUC, RBDC and TBDC.

In: data/maps, data/masks, data/frames.parquet. Out: data/localisation.json, metrics by detector.
"""

from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from vad.data.frames import DATA, FrameStore
from vad.evaluation import scorecard
from vad.metrics import localisation, measures
from vad.pipeline import artifacts, params, stage

OUT, MAPS = DATA / "localisation.json", DATA / "maps"


def main() -> dict:
    settings = params.section("evaluation", measures.Params)
    masks = localisation.GridMasks(FrameStore(), settings.map_short_side)
    names = sorted(path.name for path in MAPS.glob("*"))
    with ThreadPoolExecutor(stage.workers()) as pool:
        measured = pool.map(lambda name: scorecard.localise(masks.locate(MAPS / name), settings), names)
        found = dict(zip(names, tqdm(measured, total=len(names), desc="localise", unit="detector"), strict=True))
    artifacts.save_json(OUT, found)
    return {}


if __name__ == "__main__":
    stage.run(main)
