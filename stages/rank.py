"""Measure what no threshold changes: how well every detector ranks the test frames, and which rank them better.

In: data/fused.parquet, data/events.csv. Out: data/ranking.json, metrics by detector, and data/comparison.json, the
differences between detectors (see vad.evaluation.comparison; empty where labels are of one class).
"""

from tqdm import tqdm

from vad.data.frames import DATA
from vad.evaluation import comparison, scorecard
from vad.metrics import measures
from vad.pipeline import artifacts, params, stage
from vad.pipeline.results import read_table
from vad.post_processing import fused

OUT, COMPARISON = DATA / "ranking.json", DATA / "comparison.json"


def main() -> dict:
    settings = params.section("evaluation", measures.Params)
    table = fused.load(DATA / "fused.parquet")
    clips = sorted(table.loc[table["role"] == "test", "clip"].unique())
    weights = measures.resamples(len(clips), settings.resamples, params.common().seed)
    resampling = scorecard.Resampling(clips, weights, settings.confidence)
    events = read_table(DATA / "events.csv")
    detectors = tqdm(list(table.groupby("detector")), desc="rank", unit="detector")
    artifacts.save_json(OUT, {name: scorecard.rank(rows, events, resampling) for name, rows in detectors})
    test = table[table["role"] == "test"]
    tests = dict(iter(test.groupby("detector")))
    found = comparison.Differences.of(tests, "calibrated", clips, weights)
    artifacts.save_json(COMPARISON, comparison.compare(found, settings.confidence) if found.names else {})
    return {"frames": int(table.loc[table["role"] == "test"].groupby("detector").size().max())}


if __name__ == "__main__":
    stage.run(main)
