"""``stages.validate_weak``: videos judged by fits that did not see them."""

import numpy as np
import pytest

from stages import validate_weak
from tests.test_weak import PARAMS, clip
from vad.pipeline.errors import UserError

KNOWN = [clip(f"t{i}", "train", 0) for i in range(4)]
QUICK = PARAMS.model_copy(update={"leaf_regions": 20, "trees": 20})


def videos(told: bool) -> list:
    """Half of them with a fast person; their labels say so, or are dealt at random."""
    return [clip(f"v{i}", "weak", i % 2 if told else i // 2 % 2, range(10 * (i % 2), 20 * (i % 2))) for i in range(32)]


def test_held_out_videos_are_told_apart_by_their_labels_alone():
    assert validate_weak.held_out(KNOWN, videos(told=True), QUICK, 0, 24) == pytest.approx(1.0)
    dealt = [validate_weak.held_out(KNOWN, videos(told=False), QUICK, seed, 24) for seed in range(3)]
    assert np.mean(dealt) == pytest.approx(0.5, abs=0.15)


def test_no_fit_sees_the_videos_that_it_judges(monkeypatch):
    seen, judged = [], []
    fit, judge = validate_weak.weak.fit, validate_weak.weak.Detector.judge

    def fitting(clips, *rest):
        seen.append({one.name for one in clips})
        return fit(clips, *rest)

    def judging(self, camera, *rest):
        judged.append((len(seen) - 1, camera.name))
        return judge(self, camera, *rest)

    monkeypatch.setattr(validate_weak.weak, "fit", fitting)
    monkeypatch.setattr(validate_weak.weak.Detector, "judge", judging)
    validate_weak.held_out(KNOWN, videos(told=True), QUICK, 0, 8)
    assert sorted(name for _, name in judged) == sorted(f"v{i}" for i in range(32))
    assert not any(name in seen[number] for number, name in judged)
    assert all(len(names) == len(KNOWN) + 8 for names in seen)


@pytest.mark.parametrize("wrong", [["--deals", "0"], ["--clips", "20", "1"]])
def test_too_few_to_learn_from_are_refused(wrong, monkeypatch):
    monkeypatch.setattr("sys.argv", ["validate_weak", *wrong])
    with pytest.raises(UserError, match="--clips: 8 or more"):
        validate_weak.main()
