import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.metrics import roc_auc_score

from vad.data import track_files
from vad.data.frames import Clip
from vad.detectors import tracks
from vad.pipeline import params as parameters
from vad.pipeline.errors import CannotFit

REAL_PARAMS = {"components": 16, "boxes": 40000, "scene_boxes": 5000}
PARAMS = parameters.validate(
    {
        "max_gap_seconds": 1.25,
        "smooth_seconds": 0.333,
        "window_seconds": 0.417,
        "average_seconds": 1.0,
        "prior": 0.5,
        "components": 4,
        "regularisation": 0.01,
        "boxes": 4000,
        "scene_boxes": 2000,
        "alarm_level": 0.001,
        "map_rows": 30,
    },
    tracks.Params,
    "tracks",
)


def clip(name: str, boxes: pd.DataFrame | None, frames: int = 100, scene: str = "01", fps: float = 24.0) -> Clip:
    numbers = np.arange(frames)
    labels = np.zeros(frames, np.int8)
    return Clip(name, scene, "train", fps, numbers, labels, numbers, tracks=boxes, size=(856, 480))


def walk(
    random: np.random.Generator, speed: float = 40.0, track: int = 1, frames: int = 100, fps: float = 24.0
) -> pd.DataFrame:
    """A person 100 pixels tall who walks at about ``speed`` pixels a second; tall as the place (y) asks."""
    frame = np.arange(frames)
    y = random.uniform(150, 450)
    height = y / 3 * random.normal(1, 0.08) * random.normal(1, 0.03, frames)
    x = random.uniform(0, 400) + speed * random.uniform(0.8, 1.2) * frame / fps
    half = height * 0.2
    return pd.DataFrame({"frame": frame, "track": track, "x1": x - half, "y1": y - height, "x2": x + half, "y2": y})


def normal_clips(count: int = 8) -> list[Clip]:
    random = np.random.default_rng(0)
    return [
        clip(f"01_{i:03d}", pd.concat([walk(random, track=t, speed=random.choice([-40, 40])) for t in range(10)]))
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    return tracks.fit(normal_clips(), PARAMS, seed=0)


def test_a_runner_and_a_misshapen_box_score_above_walkers(state):
    random = np.random.default_rng(1)
    detector = tracks.Detector(state, PARAMS)
    walker, runner, fallen = (walk(random) for _ in range(3))
    runner = walk(random, speed=300.0)
    height = fallen["y2"] - fallen["y1"]
    fallen["y1"], fallen["x2"] = fallen["y2"] - height / 3, fallen["x1"] + height  # lying
    scores = {
        name: detector.score(clip(name, boxes))[0]
        for name, boxes in {"walker": walker, "runner": runner, "fallen": fallen}.items()
    }
    assert np.median(scores["runner"]) > scores["walker"].max() + 2
    assert np.median(scores["fallen"]) > scores["walker"].max() + 2


def test_a_frames_score_is_its_most_surprising_box_and_an_empty_frame_is_zero(state):
    random = np.random.default_rng(2)
    detector = tracks.Detector(state, PARAMS)
    one, other = walk(random, track=1), walk(random, speed=300.0, track=2, frames=50)
    together = detector.score(clip("both", pd.concat([one, other]), frames=120))[0]
    alone = [detector.score(clip("alone", boxes, frames=120))[0] for boxes in (one, other)]
    np.testing.assert_allclose(together, np.maximum(*alone))
    assert (together[100:] == 0).all()
    assert (together >= 0).all()


def test_scores_carry_across_frame_rates(state):
    slow = walk(np.random.default_rng(3), speed=300.0, frames=100, fps=24.0)
    fast = pd.concat([slow.iloc[:-1].assign(frame=slow["frame"].iloc[:-1] * 2), slow.iloc[-1:].assign(frame=198)])
    detector = tracks.Detector(state, PARAMS)
    at_24 = detector.score(clip("slow", slow))[0]
    at_48 = detector.score(clip("fast", fast, frames=199, fps=48.0))[0][::2]
    np.testing.assert_allclose(np.median(at_24), np.median(at_48), rtol=0.1)


def test_map_paints_the_box_where_it_stands(state):
    boxes = pd.DataFrame({"frame": range(50), "track": 1, "x1": 428.0, "y1": 240.0, "x2": 856.0, "y2": 480.0})
    scores, maps = tracks.Detector(state, PARAMS).score(clip("map", boxes))
    assert maps.shape == (100, 30, 54)
    assert maps[20, 20, 40] == pytest.approx(scores[20], rel=1e-3)
    assert (maps[20, :14] == 0).all()
    assert (maps[60] == 0).all()


def test_shape_counts_little_where_the_halves_of_a_scene_see_different_views():
    moved = normal_clips()
    for one in moved[4:]:  # the camera was zoomed between the halves
        one.tracks[["y1", "y2"]] = one.tracks[["y1", "y2"]] * 0.5
    weights = [float(tracks.fit(clips, PARAMS, 0)["shape.weight"]) for clips in (normal_clips(), moved)]
    assert weights[0] > 5 * weights[1]


def test_only_permitted_frames_are_learned_from():
    clips = normal_clips()
    wild = [Clip(c.name, c.scene, c.split, c.fps, c.frames, c.labels, c.stored, tracks=c.tracks.copy()) for c in clips]
    for one in wild:  # somebody races through, but only where nobody may look
        racer = walk(np.random.default_rng(5), speed=2000.0, track=99).assign(frame=lambda t: t["frame"] + 100)
        object.__setattr__(one, "tracks", pd.concat([one.tracks, racer]))
    fitted = [tracks.fit(these, PARAMS, 0) for these in (clips, wild)]
    for name in fitted[0]:
        np.testing.assert_allclose(fitted[0][name], fitted[1][name], err_msg=name)


def test_clips_without_boxes_are_an_error_when_fitting_and_zero_when_scoring(state):
    with pytest.raises(CannotFit, match="no person boxes"):
        tracks.fit([clip("empty", None)], PARAMS, 0)
    scores, maps = tracks.Detector(state, PARAMS).score(clip("empty", None))
    assert not scores.any()
    assert not maps.any()


@pytest.mark.skipif("VAD_DATASETS" not in os.environ, reason="VAD_DATASETS does not name the real data sets' folder")
def test_shanghaitech_test_clips_from_a_share_of_the_training_clips():
    root = Path(os.environ["VAD_DATASETS"]) / "shanghaitech"
    if not root.exists():
        pytest.skip(f"{root} is missing")
    params = PARAMS.model_copy(update=REAL_PARAMS)
    training = sorted((root / "tracks" / "training").glob("*.txt"))[::6]
    state = tracks.fit([clip(p.stem, track_files.read(p), 5000, p.stem[:2]) for p in training], params, 0)
    detector = tracks.Detector(state, params)
    scores, labels = [], []
    for path in sorted((root / "testing" / "test_frame_mask").glob("*.npy")):
        truth = np.load(path)
        boxes = track_files.read(root / "tracks" / "testing" / f"{path.stem}.txt")
        boxes = boxes[boxes["frame"] < len(truth)]
        score, _ = detector.score(clip(path.stem, boxes, len(truth), path.stem[:2]))
        scores.append(gaussian_filter1d(score.astype(float), 10))
        labels.append(truth)
    assert roc_auc_score(np.concatenate(labels), np.concatenate(scores)) > 0.82
