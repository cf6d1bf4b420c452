"""The rows of the leak table (``vad.evaluation.leak``): for each detector that learns from labels, its figures.

Prototypes from the same cached embeddings, on labelled frames; ``weak`` from the same objects, on one label per clip.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from tqdm import tqdm

from vad.data.frames import Clip, FrameStore
from vad.detectors import prototypes, weak
from vad.evaluation import leak
from vad.features.semantic import with_embeddings
from vad.metrics import measures
from vad.perception.detection import with_objects
from vad.pipeline import params
from vad.protocol import sampling
from vad.protocol.folds import fit_clips


def of_prototypes(store: FrameStore, sample: pd.DataFrame) -> tuple[dict[str, dict], int]:
    """Rows of the leak table, of the chosen variant and the others, and how many frames were scored."""
    seed, sizes = params.common().seed, params.section("balance_sample", sampling.Params)
    rng = np.random.default_rng(seed)
    drawn = leak.Pool(fit_clips(store, sample, "test")).draw(sizes.test_per_class, rng, balanced=True)
    pool = leak.Pool(with_embeddings(drawn.clips))
    if len(pool.clips) < 2:
        logging.info("prototypes: no leak to measure: the test clips hold one class or are fewer than two")
        return {}, 0
    with tqdm(total=1 + sizes.folds, desc="measure leak", unit="fit") as bar:
        fit = fits(params.section("prototypes", prototypes.Params), seed, bar)
        paper = leak.paper(pool, fit, sizes.prototypes_per_class, rng)
        clean = leak.clean(pool, fit, sizes.prototypes_per_class, sizes.folds, rng)
    return {name: compared(pool, {"paper": paper[name], "clean": clean[name]}) for name in paper}, len(pool.labels)


def of_weak(store: FrameStore, sample: pd.DataFrame) -> tuple[dict[str, dict], int]:
    """``weak`` on the test clips' own labels, one each: its row, and how many frames were scored."""
    sizes = params.section("balance_sample", sampling.Params)
    objects = store.folder / "objects"
    normal, test = (with_objects(fit_clips(store, sample, role), objects) for role in ("fit_all", "test"))
    pool = leak.Pool(test)
    settings, seed = params.section("weak", weak.Params), params.common().seed

    def learnt(clips: Sequence[Clip]) -> list[Clip]:
        return [*normal, *(replace(clip, labels=np.full_like(clip.labels, clip.labels.max())) for clip in clips)]

    def judge(known: Sequence[Clip], clips: Sequence[Clip]) -> list[np.ndarray]:
        detector = weak.Detector(weak.fit(learnt(known), settings, seed), settings)
        return [detector.score(clip)[0] for clip in clips]

    if len(np.unique(pool.labels)) < 2 or len(pool.clips) < 2:
        logging.info("weak: no leak to measure: the test clips hold one class or are fewer than two")
        return {}, 0
    reasons = [weak.why_not(learnt(rest)) for rest, _ in leak.dealt(pool, sizes.folds)]
    if reason := next(filter(None, reasons), None):
        logging.info("weak: no leak to measure: %s", reason)
        return {}, 0
    return {"weak": compared(pool, leak.of_clips(pool, judge, sizes.folds))}, len(pool.labels)


def compared(pool: leak.Pool, scores: dict[str, np.ndarray]) -> dict[str, float]:
    """A row of the leak table."""
    bootstrap = params.section("evaluation", measures.Params)
    return leak.compare(pool, scores, bootstrap.resamples, bootstrap.confidence, params.common().seed)


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


OF = {"prototypes": of_prototypes, "weak": of_weak}
