"""Frames per second of the detectors, beside those of the bare backbone.

All rows work on the same training frames. Rounds are interleaved and each row keeps its best one, so that other load on
the machine does not favour one of them. The bare backbone is the whole classifier's forward pass on frames that are
decoded and resized already; every other row includes decoding and resizing. What no backbone limits depends on the size
of the stored frames instead: those rows see the same frames brought to one size, and are judged in frames per second.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass

from tqdm import tqdm

from vad.benchmark import work
from vad.benchmark.table import Bar, Figure, absent
from vad.data.frames import FrameStore
from vad.detectors import registry
from vad.features import backbones, semantic
from vad.pipeline import params
from vad.pipeline.errors import UserError
from vad.protocol import fitting

ROUNDS = 3
SMALL = "frames of {}x{}".format(*work.SMALL)
ENCODER_BAR = Bar(">=", 0.6, "ratio")


@dataclass(frozen=True)
class Row:
    """One row of speeds.

    Attributes:
        detector: whose switch in params.yaml decides whether it is timed; None for what several share.
        prepare: prepares, untimed, and returns what is timed.
        compared: whether its ratio to the bare backbone says something.
    """

    name: str
    detector: str | None
    prepare: Callable[[work.Bench], work.Work]
    compared: bool = True
    bar: Bar | None = None
    remark: str = ""


BARE = Row("bare backbone forward", None, work.bare, remark="frames read and resized before; ratios are to this row")


def rows() -> list[Row]:
    """What is timed: the bare backbone, what each detector declares, and what several detectors share."""
    own = [_row(name, what) for name in registry.names() for what in registry.declared(name).benchmark]
    return [BARE, *own, _embed(), Row("objects found", "objects", work.find_objects, False, remark=SMALL)]


def _row(name: str, what: str) -> Row:
    declared = registry.declared(name)
    bar = Bar.parse(text) if (text := declared.benchmark[what]) else None
    full = declared.needs_backbone and "objects" not in declared.reads
    remarks = [SMALL] * (not full) + ["after the objects are found"] * ("objects" in declared.reads)
    remarks += ["network trained for one step only: the cost is the same"] * (name in work.QUICK)
    return Row(
        f"{name} {what}", name, {"fit": work.fit, "score": work.score}[what](name), full, bar, "; ".join(remarks)
    )


def _embed() -> Row:
    """The embed stage's encoder; the bar is for one that looks through the bare row's network."""
    encoder = params.section("encoder", semantic.Params)
    backbone = params.section("backbone", backbones.Params)
    same = (encoder.name, encoder.backbone, encoder.image_size, encoder.crops, backbone.weights) == (
        "conse", backbone.name, backbone.image_size, 1, None,
    )  # fmt: skip
    if same:
        return Row("embed", None, work.embed, bar=ENCODER_BAR)
    return Row("embed", None, work.embed, remark="not through the bare backbone: not judged")


def speeds(bench: work.Bench, store: FrameStore) -> list[Figure]:
    """Every row's frames per second; a row that cannot be prepared says why."""
    timed, missing = {}, {}
    for row in tqdm(rows(), desc="prepare", unit="row"):
        if row.detector and (reason := fitting.why_not(registry.declared(row.detector), store)):
            missing[row.name] = reason
            continue
        try:
            with quiet():
                timed[row.name] = row.prepare(bench)
        except UserError as error:
            if row is BARE:
                raise
            missing[row.name] = str(error)
    seconds = best_seconds(timed)
    fps = {name: bench.frames / own for name, own in seconds.items()}
    return [_figure(row, fps) if row.name in fps else absent(row.name, missing[row.name], row.bar) for row in rows()]


def best_seconds(timed: dict[str, work.Work], rounds: int = ROUNDS) -> dict[str, float]:
    """Least seconds that each piece of work took in ``rounds`` interleaved rounds, after a warm-up of the first."""
    best = dict.fromkeys(timed, float("inf"))
    with tqdm(total=rounds * len(timed), desc="time", unit="run") as bar, quiet():
        next(iter(timed.values()))()
        for _ in range(rounds):
            for name, run in timed.items():
                bar.set_postfix_str(name)
                started = time.perf_counter()
                run()
                best[name] = min(best[name], time.perf_counter() - started)
                bar.update()
    return best


def _figure(row: Row, fps: dict[str, float]) -> Figure:
    ratio = fps[row.name] / fps[BARE.name] if row.compared else None
    return Figure(row.name, fps[row.name], "frames/s", ratio, row.bar, row.remark)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars and messages of what is run."""
    logging.disable(logging.WARNING)
    try:
        with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
            yield
    finally:
        logging.disable(logging.NOTSET)
