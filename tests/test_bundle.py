"""A bundle scores a camera's frames as the pipeline scored its clips, and refuses what was not exported."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import threadpoolctl

from tests import moving_squares as squares
from tests.test_objects import FOUND
from tests.test_streaming import MOTION
from vad.data.frames import Clip
from vad.deploy import bundle, export, sealed
from vad.deploy.stream import FUSION, Scored
from vad.detectors import fitted, motion
from vad.perception import followed, tracking
from vad.perception.camera import Camera
from vad.perception.scene import Scene
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.post_processing import temporal
from vad.post_processing.calibration import quantile, surprise

SMOOTHING = temporal.Params(method="gaussian", sigma_seconds=0.3, median_window=17, causal="gaussian")


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    folder = tmp_path_factory.mktemp("clips")
    return [squares.clip(folder, f"t{i}", 1.0 + 0.1 * i) for i in range(3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, training: list[Clip]) -> Path:
    """A bundle of motion, with objects to look for."""
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    state = motion.fit(training, MOTION, 0)
    scores = motion.Detector(state, MOTION).score(training[0])[0].astype(np.float64)
    rows = pd.DataFrame({"frame": training[0].frames, "score": scores, "label": np.int8(0)})
    rows = rows.assign(fold="all", clip="t0", scene="01", fps=squares.FPS)[fitted.NORMAL]
    meta = {"detector": "motion", "params": MOTION.model_dump(mode="json"), "scenes": ["01"], "versions": {}}
    artifacts.save_state(folder / "models" / "motion", {"all": state}, meta, {"normal": rows})
    artifacts.save_state(folder / "scenes", {"01": Scene.learn(training, 240).arrays()}, {})
    causal = temporal.causal(scores, training[0].frames, squares.FPS, SMOOTHING)
    normal = {"motion": causal, FUSION: surprise(quantile(causal, causal))}
    artifacts.save_state(folder / "calibration", {"normal": normal}, {})
    settings = bundle.Settings(
        format=bundle.FORMAT,
        detectors=["motion"],
        scenes=["01"],
        short_side=None,
        stride=1,
        engine="torch",
        networks=[],
        heads={},
        temporal=SMOOTHING,
        weights={"motion": 1.0},
        thresholds={"motion": 0.99, FUSION: 0.98},
        scene_thresholds={"01": {"motion": 0.97, FUSION: 0.96}},
        objects=FOUND,
        encoder=None,
    )
    artifacts.save_json(folder / "bundle.json", settings.model_dump(mode="json"), digits=None)
    artifacts.save_json(folder / "card.json", {"detectors": {}})
    sealed.seal(folder)
    return folder


def camera(clip: Clip, **changes: object) -> Camera:
    return Camera(**{"name": "gate", "scene": clip.scene, "fps": clip.fps, "size": clip.size, **changes})


def watched(made: bundle.FittedBundle, clip: Clip, **changes: object) -> list[Scored]:
    scorer = made.open(camera(clip, **changes))
    found = [one for frame in clip.stored for one in scorer.push(clip.read(frame), 100 + frame / clip.fps)]
    return found + scorer.close()


def test_a_watched_clip_scores_as_a_stored_one(folder: Path, training: list[Clip], tmp_path: Path) -> None:
    clip = squares.clip(tmp_path, "run", 3.0)
    made = bundle.load(folder)
    found = watched(made, clip)
    model = fitted.load_fitted(folder / "models" / "motion")
    scores, maps = model.detector().score(clip)
    assert [one.frame for one in found] == list(clip.frames)
    readings = [one.readings["motion"] for one in found]
    np.testing.assert_array_equal([r.score for r in readings], scores)
    np.testing.assert_array_equal(np.stack([r.map for r in readings]), maps)
    causal = temporal.causal(scores, clip.frames, clip.fps, SMOOTHING)
    np.testing.assert_allclose([r.causal for r in readings], causal, rtol=1e-6)
    normal = made.calibration.normal["motion"]
    np.testing.assert_allclose([r.calibrated for r in readings], quantile(causal, normal), rtol=1e-6)
    fused = [one.readings[FUSION].calibrated for one in found]
    np.testing.assert_allclose(fused, [r.calibrated for r in readings], atol=0.02)
    assert any(len(one.boxes) for one in found)
    assert max(fused) > 0.99


def test_a_reading_says_from_which_value_on_its_map_says_where(folder: Path, training: list[Clip]) -> None:
    made = bundle.load(folder)
    assert watched(made, training[0])[0].readings["motion"].level is None
    levelled = bundle.FittedBundle(folder, made.settings.model_copy(update={"levels": {"motion": 1.25}}))
    found = watched(levelled, training[0])[0].readings
    assert (found["motion"].level, found[FUSION].level) == (1.25, None)


def test_frames_come_back_in_order_after_the_stated_latency(folder: Path, training: list[Clip]) -> None:
    scorer, clip = bundle.load(folder).open(camera(training[0])), training[0]
    assert scorer.latency >= 1
    assert scorer.thresholds == {"motion": 0.97, FUSION: 0.96}
    counts = [len(scorer.push(clip.read(f), f / clip.fps)) for f in range(20)]
    assert counts == [0] * scorer.latency + [1] * (20 - scorer.latency)
    assert len(scorer.close()) == scorer.latency


def test_with_a_stride_every_second_frame_is_scored_as_among_all(folder: Path, training: list[Clip]) -> None:
    every = watched(bundle.load(folder), training[0])
    scorer = bundle.load(folder).open(camera(training[0]), stride=2)
    found = [one for f in training[0].stored for one in scorer.push(training[0].read(f), f / squares.FPS)]
    found += scorer.close()
    assert [one.frame for one in found] == list(range(0, 40, 2))
    assert [o.readings["motion"].score for o in found] == [o.readings["motion"].score for o in every[::2]]


def test_dropped_frames_leave_gaps_in_the_numbers(folder: Path, training: list[Clip]) -> None:
    scorer, image = bundle.load(folder).open(camera(training[0])), training[0].read(0)
    found = [one for second in (0.0, 0.1, 0.11, 0.5) for one in scorer.push(image, second)] + scorer.close()
    assert [one.frame for one in found] == [0, 1, 2, 5]
    assert [one.seconds for one in found] == [0.0, 0.1, 0.11, 0.5]


def test_an_unknown_scene_wants_a_sample(folder: Path, training: list[Clip]) -> None:
    made, unknown = bundle.load(folder), camera(training[0], scene="yard")
    with pytest.raises(UserError, match=r"does not know the scene 'yard' \(it has 01\)"):
        made.open(unknown)
    with pytest.raises(UserError, match="not learnt from 4 pictures"):
        made.open(unknown, [training[0].read(f) for f in range(4)])
    scorer = made.open(unknown, [training[0].read(f) for f in range(40)])
    assert len([one for f in range(20) for one in scorer.push(training[0].read(f), f / 10)] + scorer.close()) == 20


def test_a_camera_has_one_thread_of_blas(folder: Path) -> None:
    with threadpoolctl.threadpool_limits(2, "blas"):
        bundle.load(folder)
        counts = [one["num_threads"] for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"]
        assert counts
        assert set(counts) == {1}


def test_objects_are_linked_where_a_detector_looks_at_tracks(folder: Path, training: list[Clip]) -> None:
    made = bundle.load(folder)
    linking = tracking.Params(reach=0.5, patience_seconds=0.5, least_seconds=0.5)
    following = bundle.FittedBundle(folder, made.settings.model_copy(update={"linking": linking}))
    tracks = followed.of(following.open(camera(training[0])).perception)
    assert isinstance(tracks, followed.Linked)
    assert tracks.least == 0.5 * squares.FPS
    with pytest.raises(UserError, match="nothing follows the camera's objects"):
        followed.of(made.open(camera(training[0])).perception)


def test_wrong_frames_are_refused_in_one_line(folder: Path, training: list[Clip]) -> None:
    scorer = bundle.load(folder).open(camera(training[0]))
    with pytest.raises(UserError, match=r"gate: a frame of \(10, 10, 3\) uint8 came"):
        scorer.push(np.zeros((10, 10, 3), np.uint8), 0.0)
    scorer.push(training[0].read(0), 5.0)
    with pytest.raises(UserError, match="time went back"):
        scorer.push(training[0].read(0), 4.0)


def flip_a_byte(folder: Path) -> None:
    file = folder / "models" / "motion" / "all.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def other_format(folder: Path) -> None:
    values = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**values, "format": 99}))
    (folder / sealed.SUMS).unlink()
    sealed.seal(folder)


def another_revision(folder: Path) -> None:
    values = json.loads((folder / "bundle.json").read_text())
    del values["stride"]
    (folder / "bundle.json").write_text(json.dumps(values))
    (folder / sealed.SUMS).unlink()
    sealed.seal(folder)


def no_json(folder: Path) -> None:
    (folder / "bundle.json").write_text("{")
    (folder / sealed.SUMS).unlink()
    sealed.seal(folder)


def put_a_pickle(folder: Path) -> None:
    (folder / "state.pkl").write_bytes(pickle.dumps({}))
    (folder / sealed.SUMS).unlink()
    sealed.seal(folder)


def reach_outside(folder: Path) -> None:
    with open(folder / sealed.SUMS, "a") as file:
        file.write(f"{'0' * 64}  ../outside.json\n")


def link_outside(folder: Path) -> None:
    (folder / "card.json").unlink()
    (folder / "card.json").symlink_to("/etc/hostname")


def lose_a_file(folder: Path) -> None:
    (folder / "card.json").unlink()


def add_a_file(folder: Path) -> None:
    (folder / "more.json").write_text("{}")


def break_the_sums(folder: Path) -> None:
    (folder / sealed.SUMS).write_text("nonsense")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (flip_a_byte, "all.safetensors' is not what was exported"),
        (other_format, "has bundle format 99, this version reads 1"),
        (another_revision, "stride is missing, .* make it again with 'dvc repro export_bundle'"),
        (no_json, "bundle.json is damaged"),
        (put_a_pickle, "'state.pkl' is no part of a bundle"),
        (reach_outside, "lies outside of the bundle"),
        (link_outside, "'card.json' is a link"),
        (lose_a_file, "'card.json' is missing"),
        (add_a_file, "'more.json' was added later"),
        (break_the_sums, "cannot be read"),
        (shutil.rmtree, "there is no such folder"),
    ],
)
def test_a_hostile_bundle_is_refused_in_one_line(folder: Path, tmp_path: Path, spoil, says: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    spoil(copy)
    with pytest.raises(UserError, match=says) as caught:
        bundle.load(copy)
    assert "\n" not in str(caught.value)


def test_what_was_sealed_is_what_sha256sum_checks(folder: Path) -> None:
    import subprocess

    assert subprocess.run(["sha256sum", "--check", "--quiet", sealed.SUMS], cwd=folder, check=False).returncode == 0


def test_graphs_are_sought_through_a_camera_shaped_as_the_scene(folder: Path) -> None:
    made = bundle.load(folder)
    assert export.looks(made) == []  # motion has no network
    assert export.save_networks(made, []) == []
    assert export.save_heads(made) == {}
