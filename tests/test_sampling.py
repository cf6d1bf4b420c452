"""The sample's roles: nothing leaks in clean and one_class, everything leaks in paper, and caps are said."""

import pandas as pd
import pytest

from vad.pipeline.errors import UserError
from vad.protocol.sampling import Params, draw

SIZES = Params(
    normal=20, cam_reference=5, prototypes_per_class=30, test_per_class=15, calibration=10, holdout=0.4, folds=3
)


def index(train_clips: int = 6, test_clips: int = 5, frames: int = 10) -> pd.DataFrame:
    rows = [
        {
            "clip": f"{split}{c}",
            "frame": f,
            "scene": f"{c % 2}",
            "split": split,
            "label": int(split == "test" and f >= 6),
        }
        for split, clips in (("train", train_clips), ("test", test_clips))
        for c in range(clips)
        for f in range(frames)
    ]
    return pd.DataFrame(rows)


def role(sample: pd.DataFrame, name: str) -> pd.DataFrame:
    return sample[sample["role"] == name]


def keys(rows: pd.DataFrame) -> set[tuple[str, int]]:
    return set(zip(rows["clip"], rows["frame"], strict=True))


@pytest.mark.parametrize("protocol", ["clean", "one_class"])
def test_normal_roles_see_training_clips_alone(protocol):
    sample, _ = draw(index(), SIZES, protocol, seed=0)
    for name in ("normal", "cam_reference", "fit_all"):
        assert set(role(sample, name)["fold"]) == {-1}
        assert role(sample, name)["label"].sum() == 0
    assert len(role(sample, "test")) == 50
    assert len(role(sample, "normal")) == 20


@pytest.mark.parametrize("protocol", ["clean", "paper", "one_class"])
def test_calibration_is_seen_by_no_fit(protocol):
    sample, _ = draw(index(), SIZES, protocol, seed=0)
    held_out = keys(role(sample, "calibration"))
    assert held_out
    for name in ("fit_all", "normal", "cam_reference", "prototypes", "test"):
        assert not held_out & keys(role(sample, name))


def test_clean_keeps_a_clip_in_one_fold():
    sample, _ = draw(index(), SIZES, "clean", seed=0)
    test = role(sample, "test")
    assert (test.groupby("clip")["fold"].nunique() == 1).all()
    assert set(test["fold"]) == {0, 1, 2}
    prototypes = role(sample, "prototypes")
    labelled = prototypes[prototypes["label"] == 1]
    fold = dict(zip(test["clip"], test["fold"], strict=True))
    assert (labelled["clip"].map(fold) == labelled["fold"]).all()


def test_one_class_gives_no_abnormal_frame_to_any_fit():
    sample, _ = draw(index(), SIZES, "one_class", seed=0)
    assert sample.loc[sample["role"] != "test", "label"].sum() == 0


def test_paper_fits_on_the_pool_it_scores():
    sample, _ = draw(index(), SIZES, "paper", seed=0)
    pool = keys(role(sample, "test"))
    assert role(sample, "test")["label"].value_counts().to_dict() == {0: 15, 1: 15}
    for name in ("normal", "cam_reference", "prototypes"):
        assert keys(role(sample, name)) <= pool


def test_what_cannot_be_filled_is_capped_and_said(caplog):
    caplog.set_level("INFO")
    sample, summary = draw(index(), SIZES, "clean", seed=0)
    abnormal = role(sample, "prototypes")["label"].sum()
    assert abnormal == 20  # five clips of four abnormal frames, thirty wanted
    assert "prototypes: 20 of 30" in caplog.text
    row = summary[(summary["role"] == "prototypes") & (summary["label"] == 1)].iloc[0]
    assert (row["wanted"], row["drawn"]) == (30, 20)


def test_same_seed_same_sample_other_seed_other_sample():
    first, again, other = (draw(index(), SIZES, "clean", seed=s)[0] for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert keys(role(first, "normal")) != keys(role(other, "normal"))


def test_a_single_training_clip_holds_its_end_out():
    sample, _ = draw(index(train_clips=1), SIZES, "clean", seed=0)
    assert role(sample, "fit_all")["frame"].max() < role(sample, "calibration")["frame"].min()


def test_no_training_clip_is_one_line():
    with pytest.raises(UserError, match="no training clip"):
        draw(index(train_clips=0), SIZES, "clean", seed=0)


def test_a_test_set_of_one_class_is_one_line():
    frames = index().assign(label=0)
    with pytest.raises(UserError, match="role 'test'"):
        draw(frames, SIZES, "paper", seed=0)


@pytest.mark.parametrize(("wanted", "clips"), [(1000, 8), (3000, 10), (9000, 20)])
def test_as_many_clips_are_held_out_as_the_calibration_needs_up_to_the_share(wanted, clips):
    sizes = SIZES.model_copy(update={"calibration": wanted, "holdout": 0.2})
    held_out = role(draw(index(train_clips=100, frames=300), sizes, "one_class", seed=0)[0], "calibration")
    assert held_out["clip"].nunique() == clips
    assert len(held_out) == min(wanted, 20 * 300)


def test_few_calibration_frames_are_said(caplog):
    sample, summary = draw(index(train_clips=1, frames=5), SIZES.model_copy(update={"holdout": 0.2}), "clean", seed=0)
    assert len(role(sample, "calibration")) == 1
    assert "calibration: 1 of 10 normal frames wanted" in caplog.text
    assert "rarer than 1 normal frame in 1" in caplog.text
    row = summary[summary["role"] == "calibration"].iloc[0]
    assert (row["wanted"], row["drawn"]) == (10, 1)
