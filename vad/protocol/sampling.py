"""Who may see which frame: the balanced sample with its roles, after Table 1 of the paper that is reproduced.

``data/sample.parquet`` holds one row per (role, clip, frame):

- ``fit_all``: every frame of the training clips that are not held out; what temporal detectors are fitted on;
- ``normal``: normal frames for what learns them one by one (PaDiM, SPADE); ``cam_reference``: for the mean CAM;
- ``prototypes``: frames of both classes for detectors that learn from labels;
- ``weak``: frames of clips with one label each, their clip's, for detectors that learn from no more than that;
- ``calibration``: stretches of held-out training clips, normal, seen by no fit: quantiles and false-alarm budgets;
- ``test``: the frames that are scored and evaluated.

``fold`` numbers the test clips' cross-fitting folds (whole clips); -1 marks training clips.
"""

import logging

import numpy as np
import pandas as pd
import pydantic

from vad.pipeline.errors import UserError
from vad.pipeline.params import Protocol, Section

log = logging.getLogger(__name__)

SHORTEST_STRETCH = 100  # frames of a held-out clip that make its use worth while
SPREAD = 8  # clips that are held out, if so many may be, though fewer would do
COLUMNS = ["clip", "frame", "label", "role", "fold"]


class Params(Section):
    """Section ``balance_sample``: sizes of the roles in frames."""

    normal: int = pydantic.Field(ge=2, le=10_000_000)
    cam_reference: int = pydantic.Field(ge=1, le=10_000_000)
    prototypes_per_class: int = pydantic.Field(ge=1, le=10_000_000)
    test_per_class: int = pydantic.Field(ge=1, le=10_000_000)
    calibration: int = pydantic.Field(ge=10, le=10_000_000)
    holdout: float = pydantic.Field(gt=0, lt=1)
    folds: int = pydantic.Field(ge=2, le=1000)


def draw(index: pd.DataFrame, params: Params, protocol: Protocol, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw every role under ``protocol``.

    Args:
        index: clip, frame, scene, split, label of every stored frame.

    Returns:
        the sample (``COLUMNS``, sorted by role, clip and frame) and its summary: role, label, wanted, drawn.

    Raises:
        UserError: a split is empty, or a role that a fit needs stays empty.
    """
    rng = np.random.default_rng(seed)
    index = index.sort_values(["clip", "frame"], ignore_index=True)
    train, test = index[index["split"] == "train"], index[index["split"] == "test"]
    if train.empty or test.empty:
        raise UserError(
            f"data.root has no {'training' if train.empty else 'test'} clip: see data/README.md for the layouts"
        )
    held_out, calibration = _held_out(train, params, rng)
    fitting = train[~train["clip"].isin(held_out) & ~train.index.isin(calibration)].assign(fold=-1)
    test = test.assign(fold=test["clip"].map(_folds(test, params.folds, rng)) if protocol == "clean" else 0)

    roles: dict[str, list[tuple[pd.DataFrame, int | None]]] = {
        "fit_all": [(fitting, None)],
        "calibration": [(train.loc[calibration].assign(fold=-1), None)],
    }
    if protocol == "paper":
        pool = _balanced(test, params.test_per_class, rng)
        normal, abnormal = (pool[pool["label"] == label] for label in (0, 1))
        roles["test"] = [(normal, params.test_per_class), (abnormal, params.test_per_class)]
        roles["prototypes"] = [(normal, params.prototypes_per_class), (abnormal, params.prototypes_per_class)]
        roles["normal"] = [(normal, params.normal)]
        roles["cam_reference"] = [(normal, params.cam_reference)]
    else:
        roles["test"] = [(test, None)]
        roles["normal"] = [(fitting, params.normal)]
        roles["cam_reference"] = [(fitting, params.cam_reference)]
        roles["prototypes"] = [(fitting, params.prototypes_per_class)]
        if protocol == "clean":
            normal, abnormal = (test[test["label"] == label] for label in (0, 1))
            few = normal.sample(min(len(normal), params.prototypes_per_class), random_state=rng)
            rest = fitting.sample(min(len(fitting), params.prototypes_per_class - len(few)), random_state=rng)
            roles["prototypes"] = [
                (pd.concat([few, rest]), params.prototypes_per_class),
                (abnormal, params.prototypes_per_class),
            ]
    if len(weak := _weak(index, fitting, test, protocol)):
        roles["weak"] = [(weak, None)]
    sample, summary = _assemble(roles, protocol, rng)
    summary.loc[summary["role"] == "calibration", "wanted"] = params.calibration
    if len(calibration) < params.calibration:
        log.warning(
            "calibration: %d of %d normal frames wanted: the held-out training clips have no more. No score can be "
            "called rarer than 1 normal frame in %d; give more training video, or raise balance_sample.holdout",
            len(calibration), params.calibration, len(calibration),
        )  # fmt: skip
    return sample, summary


def _weak(index: pd.DataFrame, fitting: pd.DataFrame, test: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Frames with their clip's label alone, and the training clips' frames, whose label is 0.

    Of clips that are known by one label each, where the data set has them; else of the test clips, each with whether
    anything abnormal happens in it. Empty under ``one_class``: such a label is one of an anomaly.
    """
    if protocol == "one_class":
        return index[:0]
    weak = index[index["split"] == "weak"].assign(fold=-1)
    if weak.empty:
        weak = test.assign(label=test.groupby("clip")["label"].transform("max"))
    return pd.concat([weak, fitting])


def _held_out(train: pd.DataFrame, params: Params, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Held-out training clips, scene by scene in turn, and the index labels of their calibration frames.

    Each clip gives one contiguous stretch, so that smoothing and runs of alarms mean the same as in a test clip.
    """
    clips = train.groupby("clip", sort=True).agg(scene=("scene", "first"), frames=("frame", "size"))
    if len(clips) == 1:  # a single clip: hold its end out
        start = max(1, int(len(train) * (1 - params.holdout)))
        return [], train.index[start:][: params.calibration].to_numpy()
    order = clips.sample(frac=1, random_state=rng)
    order = order.assign(turn=order.groupby("scene").cumcount()).sort_values(["turn", "scene"], kind="stable")
    most = max(1, min(int(len(clips) * params.holdout), len(clips) - 1))
    worth = min(SPREAD, max(1, params.calibration // SHORTEST_STRETCH))
    full = 1 + int(np.searchsorted(order["frames"].cumsum(), params.calibration))  # clips that hold all the frames
    chosen = order.index[: min(most, max(worth, full))]
    stretch = -(-params.calibration // len(chosen))  # rounded up
    frames = train[train["clip"].isin(chosen)].groupby("clip").head(stretch)
    return list(chosen), frames.index.to_numpy()


def _folds(test: pd.DataFrame, folds: int, rng: np.random.Generator) -> dict[str, int]:
    """Test clips dealt to folds, the clips with most abnormal frames first, so that each fold holds both classes."""
    clips = test.groupby("clip", sort=True)["label"].mean()
    order = clips.sample(frac=1, random_state=rng).sort_values(ascending=False, kind="stable").index
    return {clip: position % min(folds, len(order)) for position, clip in enumerate(order)}


def _balanced(test: pd.DataFrame, per_class: int, rng: np.random.Generator) -> pd.DataFrame:
    """At most ``per_class`` frames of each label; both classes get the size of the smaller one."""
    size = min(per_class, *(int((test["label"] == label).sum()) for label in (0, 1)))
    return pd.concat([test[test["label"] == label].sample(size, random_state=rng) for label in (0, 1)])


def _assemble(
    roles: dict[str, list[tuple[pd.DataFrame, int | None]]], protocol: Protocol, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    parts, summary = [], []
    for role, sources in roles.items():
        drawn_rows = 0
        for frames, wanted in sources:
            size = len(frames) if wanted is None else min(wanted, len(frames))
            drawn = frames if wanted is None else frames.sample(size, random_state=rng)
            parts.append(drawn.assign(role=role))
            drawn_rows += size
            for label, group in drawn.groupby("label") if size else []:
                summary.append({"role": role, "label": label, "wanted": wanted, "drawn": len(group)})
            if wanted is not None and size < wanted:
                log.info("%s: %d of %d frames wanted: the data has no more", role, size, wanted)
        if drawn_rows == 0:
            raise UserError(
                f"balance_sample: no frame left for role '{role}' under protocol '{protocol}': "
                "the data has too few clips, or its test clips hold only one class"
            )
    sample = pd.concat(parts)[COLUMNS].sort_values(["role", "clip", "frame"], ignore_index=True)
    sample = sample.astype({"frame": np.int64, "label": np.int8, "fold": np.int8})
    return sample, pd.DataFrame(summary, columns=["role", "label", "wanted", "drawn"]).astype({"wanted": "Int64"})
