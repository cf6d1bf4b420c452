"""The leak table: prototypes under ``paper`` and ``clean`` side by side, from the same cached embeddings."""

import logging
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from vad.data.frames import Clip, FrameStore
from vad.detectors import prototypes, registry
from vad.evaluation import leak
from vad.features.semantic import with_embeddings
from vad.metrics import measures
from vad.pipeline import artifacts, params, stage
from vad.protocol import fitting, sampling
from vad.protocol.folds import fit_clips

OUT = "data/leak.json"


def main() -> dict:
    store, seed = FrameStore(), params.common().seed
    if reason := fitting.why_not(registry.declared("prototypes"), store):
        logging.info("prototypes do not run: %s", reason)
        artifacts.save_json(OUT, {})
        return {"frames": 0}
    sizes = params.section("balance_sample", sampling.Params)
    bootstrap = params.section("evaluation", measures.Params)
    sample = artifacts.load_table("data/sample.parquet")
    rng = np.random.default_rng(seed)
    test = leak.Pool(with_embeddings(fit_clips(store, sample, "test")))
    pool = test.draw(sizes.test_per_class, rng, balanced=True)
    if len(pool.clips) < 2:
        logging.info("no leak to measure: the test clips hold one class or are fewer than two")
        artifacts.save_json(OUT, {})
        return {"frames": 0}
    with tqdm(total=1 + sizes.folds, desc="measure leak", unit="fit") as bar:
        fit = fits(params.section("prototypes", prototypes.Params), seed, bar)
        paper = leak.paper(pool, fit, sizes.prototypes_per_class, rng)
        clean = leak.clean(pool, fit, sizes.prototypes_per_class, sizes.folds, rng)
    table = {}
    for name in paper:
        scores = {"paper": paper[name], "clean": clean[name]}
        table[name] = leak.compare(pool, scores, bootstrap.resamples, bootstrap.confidence, seed)
        logging.info("%s: %.3f under paper, %.3f under clean", name, table[name]["paper"], table[name]["clean"])
    artifacts.save_json(OUT, table)
    return {"frames": len(pool.labels)}


def fits(section: prototypes.Params, seed: int, bar: tqdm) -> leak.Fit:
    """Fit prototypes once and score by every variant: ``prototypes`` is the chosen one, the others bear their names."""
    kinds = ("ensemble", *prototypes.VARIANTS)
    named = {"prototypes": section}
    named |= {
        f"prototypes_{kind}": section.model_copy(update={"score": kind}) for kind in kinds if kind != section.score
    }

    def fit(clips: Sequence[Clip]) -> leak.Scorer:
        state = prototypes.fit(clips, section, seed)
        bar.update()
        return lambda x: {name: prototypes.score(state, x, chosen) for name, chosen in named.items()}

    return fit


if __name__ == "__main__":
    stage.run(main)
