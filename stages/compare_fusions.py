"""Other ways to fuse, and what limits them: ``python -m stages.compare_fusions [--detectors NAME ...]``.

From data/fused.parquet of a run. Every form weighs the detectors by their merit on the frames of other folds, as
``fusion`` does before it moves; test labels are read only to print the AUC of all frames and of types of events. The
column ``oracle`` is no detector's: there, detectors are calibrated on the very normal test frames that are judged, and
their merit is read there, which says how much of a form's figure is the calibration's.
"""

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd

from vad.data.frames import DATA
from vad.metrics.measures import auc
from vad.pipeline import stage
from vad.pipeline.errors import UserError
from vad.pipeline.results import read_table
from vad.post_processing import calibration, fused
from vad.post_processing.fusion import Pool, by_merit

Form = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (N, D) surprises, (D,) weights -> (N,)
FEW = 3.0  # nats: a p-value of 0.05


def integrated(x: np.ndarray) -> np.ndarray:
    """(N, D) e-values of surprises: k p^(k - 1) averaged over k in (0, 1) (Vovk & Wang 2021, "E-values", section 2)."""
    p = np.clip(np.exp(-x), 1e-12, 1 - 1e-9)
    return (1 - p + p * np.log(p)) / (p * np.log(p) ** 2)


FORMS: dict[str, Form] = {
    "mean surprise (Fisher)": lambda x, w: x @ w,
    "beyond p = 0.05 alone": lambda x, w: np.maximum(x - FEW, 0) @ w + 1e-6 * (x @ w),
    "mean of p^-1/2": lambda x, w: np.exp(x / 2) @ w,
    "mean of e-values": lambda x, w: integrated(x) @ w,
    "harmonic mean p": lambda x, w: np.exp(x) @ w,
}


def cross_fitted(pool: Pool, form: Form) -> np.ndarray:
    """(N,) by ``form``: each fold's frames with the merit that the other folds' give; see FORMS, higher = abnormal."""
    result = np.empty(len(pool.labels))
    for fold in np.unique(pool.folds):
        others, own = pool.take(pool.folds != fold), pool.folds == fold
        weights = by_merit(others.x, others.labels).weights
        assert weights is not None
        result[own] = form(pool.x[own], weights)
    return result


def oracle(pool: Pool, form: Form) -> np.ndarray:
    """(N,) the same, calibrated on the pool's own normal frames and weighed by its own labels."""
    normal = pool.x[pool.labels == 0]
    x = np.column_stack([calibration.quantile(*both) for both in zip(pool.x.T, normal.T, strict=True)])
    weights = by_merit(pool.x, pool.labels).weights
    assert weights is not None
    return form(calibration.surprise(x), weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detectors", nargs="+", metavar="NAME", help="those to fuse; all of the run otherwise")
    parser.add_argument("--types", nargs="+", default=[], metavar="NAME", help="types of events to print, too")
    options = parser.parse_args()
    rows = fused.load(DATA / "fused.parquet")
    known = [name for name in rows["detector"].cat.categories if not name.startswith("fusion")]
    if unknown := set(options.detectors or []) - set(known):
        raise UserError(f"--detectors: there is no '{min(unknown)}' in this run; choose from {', '.join(known)}")
    plain = rows.astype({"clip": str, "scene": str, "role": str})
    panel = fused.Panel.of({name: plain[plain["detector"] == name] for name in options.detectors or known})
    pool, shown = panel.pool(), {"all": np.ones(len(panel.keys), bool)}
    events = read_table(DATA / "events.csv")
    shown |= {kind: frames_of(panel.keys, events[events["type"] == kind]) for kind in options.types}
    table = [
        {"form": name}
        | {kind: auc(scores[kept], pool.labels[kept]) for kind, kept in shown.items()}
        | {"oracle": auc(oracle(pool, form), pool.labels)}
        for name, form in FORMS.items()
        for scores in [cross_fitted(pool, form)]
    ]
    print(pd.DataFrame(table).to_string(index=False, float_format="%.3f"))


def frames_of(keys: pd.DataFrame, events: pd.DataFrame) -> np.ndarray:
    """(N,) bool: the normal frames of ``keys`` and those of ``events`` (clip, first_frame, last_frame)."""
    kept = (keys["label"] == 0).to_numpy(copy=True)
    for event in events.itertuples():
        kept |= ((keys["clip"] == event.clip) & keys["frame"].between(event.first_frame, event.last_frame)).to_numpy()
    return kept


if __name__ == "__main__":
    stage.run(main, alone=False)
