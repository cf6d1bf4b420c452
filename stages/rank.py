"""Measure what no threshold changes: how well every detector ranks the test frames, and where it sees the anomalies.

In: data/fused.parquet, data/manifest.csv, data/frames.parquet, data/events.csv, data/masks, data/maps.
Out: data/ranking.json, metrics by detector.
"""

from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from vad import artifacts, evaluation, fused, localisation, params, scorecard, stage
from vad.frames import DATA, FrameStore
from vad.results import read_table

OUT = DATA / "ranking.json"


def main() -> dict:
    settings = params.section("evaluation", evaluation.Params)
    table = fused.load(DATA / "fused.parquet")
    clips = sorted(table.loc[table["role"] == "test", "clip"].unique())
    weights = evaluation.resamples(len(clips), settings.resamples, params.common().seed)
    resampling = scorecard.Resampling(clips, weights, settings.confidence)
    events = read_table(DATA / "events.csv")
    masks = localisation.GridMasks(FrameStore(), settings.map_short_side)

    def measure(name: str, rows) -> dict:
        located = masks.locate(DATA / "maps" / name)
        return scorecard.rank(rows, events, resampling) | scorecard.localise(located, settings)

    with ThreadPoolExecutor(stage.workers()) as pool:
        jobs = {name: pool.submit(measure, name, rows) for name, rows in table.groupby("detector")}
        ranking = {name: job.result() for name, job in tqdm(jobs.items(), desc="rank", unit="detector")}
    artifacts.save_json(OUT, ranking)
    return {"frames": int(table.loc[table["role"] == "test"].groupby("detector").size().max())}


if __name__ == "__main__":
    stage.run(main)
