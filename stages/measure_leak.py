"""The leak table (``vad.evaluation.leak``): what learns from labels, under ``paper`` and ``clean`` side by side."""

import logging

from vad.data.frames import FrameStore
from vad.detectors import registry
from vad.pipeline import artifacts, stage
from vad.protocol import fitting

OUT = "data/leak.json"


def main() -> dict:
    store = FrameStore()
    sample = artifacts.load_table("data/sample.parquet")
    table: dict[str, dict[str, float]] = {}
    frames = 0
    for name in ("prototypes", "weak"):
        if reason := fitting.why_not(registry.declared(name), store):
            logging.info("%s: no leak to measure: %s", name, reason)
            continue
        from vad.evaluation import leak_rows  # with the detectors, which take seconds to load

        rows, scored = leak_rows.OF[name](store, sample)
        table, frames = table | rows, frames + scored
    for name, row in table.items():
        logging.info("%s: %.3f under paper, %.3f under clean", name, row["paper"], row["clean"])
    artifacts.save_json(OUT, table)
    return {"frames": frames}


if __name__ == "__main__":
    stage.run(main)
