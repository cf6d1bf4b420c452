"""Draw the balanced sample: roles and sizes of the paper's Table 1, under the chosen protocol."""

import logging

from vad.data.frames import FrameStore
from vad.pipeline import artifacts, params, stage
from vad.protocol import sampling


def main() -> None:
    common = params.common()
    sizes = params.section("balance_sample", sampling.Params)
    sample, summary = sampling.draw(FrameStore().index, sizes, common.protocol, common.seed)
    logging.info("protocol %s\n%s", common.protocol, summary.to_string(index=False))
    artifacts.save_table("data/sample.parquet", sample)
    artifacts.save_table("data/sample.csv", summary)


if __name__ == "__main__":
    stage.run(main)
