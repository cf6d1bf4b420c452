"""The fused table: every detector's and every fusion's frames on common terms.

Columns: detector, clip, frame, scene, role (test | calibration), fold, label, score (raw), smoothed, causal (see
vad.post_processing.temporal; from what a camera says, where that is not the score of a stored clip) and calibrated:
``smoothed`` as a quantile of the same fold's held-out normal frames (see vad.post_processing.calibration). A fusion's
score, smoothed and causal are combinations of the detectors' scores, calibrated column by column; nothing is smoothed
twice.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vad.metrics.measures import auc
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.pipeline.params import Protocol
from vad.pipeline.results import LIVE
from vad.post_processing import calibration, fusion, temporal

COLUMNS = ["detector", "clip", "frame", "scene", "role", "fold", "label", "score", "smoothed", "causal", "calibrated"]
SCORES = ("score", "smoothed", "causal")
ORDINARY = np.log(2)  # the surprise of a median normal frame: stands for a frame that a detector did not score


def load(path: Path | str) -> pd.DataFrame:
    """The fused table, its texts as categories: they repeat on every row, and choosing rows is much quicker so."""
    table = artifacts.load_table(path)
    return table.astype(dict.fromkeys(["detector", "clip", "scene", "role"], "category"))


def numbered(scores: pd.DataFrame, sample: pd.DataFrame) -> pd.DataFrame:
    """``scores`` with the sample's fold numbers in place of the fits' names.

    A detector that needs no labels has one fit, ``all``: its test frames get the fold that the sample gives them and
    its calibration frames -1, which stands for every fold.
    """
    one_fit = (scores["fold"].astype(str) == "all").to_numpy()
    fold_of = sample[sample["role"] == "test"].drop_duplicates("clip").set_index("clip")["fold"]
    own = scores["clip"].map(fold_of).where(scores["role"] == "test", -1).fillna(-1)
    return scores.assign(fold=np.where(one_fit, own, scores["fold"].where(~one_fit, -1)).astype(np.int64))


def detector_rows(
    name: str, scores: pd.DataFrame, fps: dict[str, float], scenes: dict[str, str], params: temporal.Params
) -> pd.DataFrame:
    """One detector's rows of the fused table.

    Args:
        scores: clip, frame, role, fold (see :func:`numbered`), label, score, and ``live`` where a camera's differ.
        fps, scenes: per clip.

    Raises:
        UserError: a score is not finite, or normal frames to calibrate with are missing.
    """
    rows = scores.sort_values(["role", "fold", "clip", "frame"], ignore_index=True)
    values, frames = rows["score"].to_numpy(np.float64), rows["frame"].to_numpy(np.int64)
    live = rows[LIVE].to_numpy(np.float64) if LIVE in rows else values
    if not (known := np.isfinite(values) & np.isfinite(live)).all():
        bad = rows.loc[~known].iloc[0]
        raise UserError(
            f"data/scores/{name}.parquet: frame {bad.frame} of clip {bad.clip} has no finite score; "
            f"run score@{name} again"
        )
    smoothed, causal = np.empty(len(rows)), np.empty(len(rows))
    for (_, _, clip), own in rows.groupby(["role", "fold", "clip"], sort=False).indices.items():
        smoothed[own] = temporal.smooth(values[own], frames[own], fps[clip], params)
        causal[own] = temporal.causal(live[own], frames[own], fps[clip], params)
    rows = rows.assign(detector=name, scene=rows["clip"].map(scenes), score=values, smoothed=smoothed, causal=causal)
    try:
        rows["calibrated"] = calibration.by_fold(rows, "smoothed")
    except UserError as error:
        raise UserError(f"data/scores/{name}.parquet: {error}") from None
    return rows[COLUMNS]


@dataclass(frozen=True)
class Panel:
    """All detectors side by side, as surprises (see vad.post_processing.calibration.surprise).

    Attributes:
        detectors: (D,) names; keys: one row per test frame: clip, frame, scene, role, fold, label.
        test: column of ``SCORES`` -> (N, D).
        normal_keys, normal: fold -> the same for the held-out normal frames.
    """

    detectors: list[str]
    keys: pd.DataFrame
    test: dict[str, np.ndarray]
    normal_keys: dict[int, pd.DataFrame]
    normal: dict[int, dict[str, np.ndarray]]

    @classmethod
    def of(cls, tables: dict[str, pd.DataFrame]) -> "Panel":
        """From each detector's rows of the fused table."""
        parts = [_surprises(rows) for rows in tables.values()]
        tests = [part[part["role"] == "test"] for part in parts]
        keys, test = _side_by_side(tests)
        normal_keys, normal = {}, {}
        for fold in sorted(int(fold) for fold in keys["fold"].unique()):
            held_out = [part[part["role"] == "calibration"] for part in parts]
            own = [part[part["fold"] == (fold if (part["fold"] == fold).any() else -1)] for part in held_out]
            normal_keys[fold], normal[fold] = _side_by_side([part.assign(fold=fold) for part in own])
        return cls(list(tables), keys, test, normal_keys, normal)

    def without(self, detector: str) -> "Panel":
        """The panel with one detector left out."""
        kept = [i for i, name in enumerate(self.detectors) if name != detector]
        test = {column: x[:, kept] for column, x in self.test.items()}
        normal = {fold: {column: x[:, kept] for column, x in own.items()} for fold, own in self.normal.items()}
        return Panel([self.detectors[i] for i in kept], self.keys, test, self.normal_keys, normal)

    def pool(self) -> fusion.Pool:
        """The test frames for choosing rules, by their smoothed scores."""
        clips = pd.factorize(self.keys["clip"])[0]
        return fusion.Pool(
            self.test["smoothed"], self.keys["label"].to_numpy(), clips, self.keys["fold"].to_numpy(np.int64)
        )

    def rows(self, name: str, rules: dict[int, fusion.Rule]) -> pd.DataFrame:
        """The fused table's rows of the fusion ``name`` with one rule per fold.

        A mean of surprises is on one scale whatever the fold's weights, so all folds are calibrated alike: against
        the held-out normal frames under the mean of the folds' rules, rows of fold -1. A calibration of each fold's
        own would add the noise of its tail to every comparison between folds.
        """
        parts = []
        for fold, rule in rules.items():
            own = (self.keys["fold"] == fold).to_numpy()
            parts.append(self.keys[own].assign(**{column: rule.apply(x[own]) for column, x in self.test.items()}))
        ruled = [{c: rule.apply(x) for c, x in self.normal[fold].items()} for fold, rule in rules.items()]
        normal = {column: np.mean([own[column] for own in ruled], axis=0) for column in SCORES}
        parts.append(self.normal_keys[min(rules)].assign(fold=-1, **normal))
        rows = pd.concat(parts, ignore_index=True).assign(detector=name)
        rows["calibrated"] = calibration.by_fold(rows, "smoothed")
        return rows.sort_values(["role", "fold", "clip", "frame"], ignore_index=True)[COLUMNS]

    def roc_auc(self, rules: dict[int, fusion.Rule]) -> float:
        """Micro AUC of a fusion on the test frames."""
        rows = self.rows("fusion", rules)
        test = rows[rows["role"] == "test"]
        return auc(test["calibrated"].to_numpy(), test["label"].to_numpy())


def _surprises(rows: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with each score column as a surprise."""
    columns = {column: calibration.surprise(calibration.by_fold(rows, column)) for column in SCORES}
    return rows.assign(**columns)


def _side_by_side(parts: list[pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Keys of all frames that any detector scored, and (N, D) values per column of ``SCORES``."""
    keys = ["clip", "frame", "scene", "role", "fold", "label"]
    every = pd.concat([part[keys] for part in parts]).drop_duplicates(["clip", "frame"]).sort_values(["clip", "frame"])
    index = pd.MultiIndex.from_frame(every[["clip", "frame"]])
    aligned = [part.set_index(["clip", "frame"])[list(SCORES)].reindex(index) for part in parts]
    values = {c: np.column_stack([np.nan_to_num(a[c].to_numpy(), nan=ORDINARY) for a in aligned]) for c in SCORES}
    return every.reset_index(drop=True), values


def leave_one_out(
    panel: Panel, chosen: dict[int, fusion.Rule], protocol: Protocol, params: fusion.Params, seed: int
) -> dict[str, float]:
    """What each detector adds: AUC of ``fusion`` minus its AUC when the detector is left out and all is fitted anew."""
    full = panel.roc_auc(chosen)
    if len(panel.detectors) < 2 or not np.isfinite(full):
        return {}
    result = {}
    for detector in panel.detectors:
        rest = panel.without(detector)
        result[detector] = full - rest.roc_auc(fusion.rules(rest.pool(), protocol, params, seed)["fusion"])
    return result
