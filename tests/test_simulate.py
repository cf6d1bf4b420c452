import hashlib
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from vad.data.weak_runs import Params as Runs
from vad.pipeline import params
from vad.pipeline.errors import UserError
from vad.simulation import sheet, weak_clips
from vad.simulation.backdrop import build
from vad.simulation.camera import Camera, Light, Sprite, rasterise, solid
from vad.simulation.clip import VISIBLE, Plan, render
from vad.simulation.events import EVENTS
from vad.simulation.simulate import Params, plan, simulate

TINY = Params(
    train_clips=2, test_clips=8, frames=48, width=160, height=90, scenes=4,
    weak_clips=0, weak_frames=96,
)  # fmt: skip
RUNS = Runs(stride=40, run=3)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data") / "campus-sim"
    assert simulate(root, TINY, RUNS, seed=0, workers=2) == 10 * 48
    return root


def digest(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_layout_is_shanghaitech_s(rendered):
    assert [path.name for path in sorted((rendered / "training/videos").iterdir())] == ["01_001.avi", "02_001.avi"]
    clips = sorted(path.name for path in (rendered / "testing/frames").iterdir())
    assert clips == [f"{scene:02d}_{number:04d}" for scene in (1, 2, 3, 4) for number in (1, 2)]
    for clip in clips:
        frames = sorted(path.name for path in (rendered / "testing/frames" / clip).iterdir())
        assert frames == [f"{number:03d}.jpg" for number in range(48)]
        assert cv2.imread(str(rendered / "testing/frames" / clip / "000.jpg")).shape == (90, 160, 3)
        labels = np.load(rendered / "testing/test_frame_mask" / f"{clip}.npy")
        masks = np.load(rendered / "testing/test_pixel_mask" / f"{clip}.npy")
        assert labels.dtype == masks.dtype == np.uint8
        assert labels.shape == (48,)
        assert masks.shape == (48, 90, 160)
    with av.open(str(rendered / "training/videos/01_001.avi")) as container:
        assert container.streams.video[0].average_rate == 24
        assert sum(1 for _ in container.decode(video=0)) == 48


def test_labels_masks_and_events_agree(rendered):
    events = pd.read_csv(rendered / "events.csv", dtype={"clip": str})
    for path in (rendered / "testing/test_frame_mask").iterdir():
        labels = np.load(path)
        masks = np.load(rendered / "testing/test_pixel_mask" / path.name)
        assert set(np.unique(masks)) <= {0, 1}
        assert (masks.reshape(48, -1).sum(axis=1)[labels == 1] > VISIBLE).all()
        assert not masks[labels == 0].any()
        from_events = np.zeros(48, np.uint8)
        for row in events[events["clip"] == path.stem].itertuples():
            from_events[row.first_frame : row.last_frame + 1] = 1
        np.testing.assert_array_equal(labels, from_events)


def test_same_bytes_for_any_number_of_workers(rendered, tmp_path):
    simulate(tmp_path / "again", TINY, RUNS, seed=0, workers=1)
    assert digest(tmp_path / "again") == digest(rendered)


def test_another_seed_gives_other_clips():
    first = [image for image, _ in render(Plan("a", 0, "train", (0, 0, 0), (160, 90), 1))]
    second = [image for image, _ in render(Plan("a", 0, "train", (1, 0, 0), (160, 90), 1))]
    assert (first[0] != second[0]).mean() > 0.5


@pytest.mark.parametrize("kind", EVENTS)
def test_every_type_is_seen_and_begins_with_a_normal_stretch(kind):
    frames = 90
    areas = [
        np.count_nonzero(owner)
        for _, owner in render(Plan("a", 0, "test", (0, 1, 5), (214, 120), frames, ((kind, 30),)))
    ]
    assert max(areas) > VISIBLE
    assert sum(areas[:15]) == 0
    assert not any(0 < area <= VISIBLE for area in areas)


def test_default_counts_hold_every_type_twice_and_none_in_training():
    default = TINY.model_copy(update={"train_clips": 24, "test_clips": 16, "frames": 150, "width": 428, "height": 240})
    plans = plan(default, seed=0)
    assert len({item.name for item in plans}) == 40
    assert not any(item.events for item in plans if item.split == "train")
    kinds = [kind for item in plans for kind, _ in item.events]
    assert {kind: kinds.count(kind) for kind in EVENTS if kinds.count(kind) < 2} == {}
    starts = [item.events[0][1] / 150 for item in plans if item.split == "test"]
    assert min(starts) >= 0.34
    assert max(starts) <= 0.75


def test_the_camera_stands_still():
    """Where nobody passes, two frames far apart differ by light and noise alone."""
    frames = [image.astype(int) for image, _ in render(Plan("a", 2, "train", (0, 0, 1), (214, 120), 60))]
    empty = build(2, 214, 120, 0).image.astype(int)
    quiet = np.abs(frames[0] - empty).max(axis=2) < 45
    drift = np.abs(frames[0] - frames[-1]).max(axis=2)
    assert quiet.mean() > 0.6
    assert np.median(drift[quiet]) < 12
    blocks = (frames[0] - frames[-1])[:112].reshape(14, 8, 214, 3)[:, :, :208].reshape(14, 8, 26, 8, 3)
    spread = np.median(np.abs(blocks.mean(axis=(1, 3)) - np.median(blocks.mean(axis=(1, 3)), axis=(0, 1))))
    assert spread < 2.0  # the light changes everywhere alike: nothing shifts


def test_projection_by_hand():
    camera = Camera(200, 100, altitude=10.0, pitch=np.pi / 2, focal=0.5)  # straight down: 100 pixels per metre at 1 m
    pixels, depth = camera.project(np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 5.0]]))
    np.testing.assert_allclose(depth, [10, 5])
    np.testing.assert_allclose(pixels, [[110, 45], [100, 50]])


def test_a_disc_covers_its_area():
    camera = Camera(200, 100, altitude=10.0, pitch=np.pi / 2, focal=0.5)
    ball = Sprite([solid([(0.0, 0.0, 0.0)], 2.0, (10, 20, 30), flat=True)], (0.0, 0.0))
    patch = rasterise(ball, camera, Light((0, 0, 1), 0.5, 0.1, (1, 1, 1)))
    assert (patch.image[..., 3] > 127).sum() == pytest.approx(np.pi * 20**2, rel=0.07)  # 2 m at 10 m: 20 pixels


def test_a_bad_value_is_one_line():
    values = {**TINY.model_dump(), "scenes": 9}
    with pytest.raises(UserError, match=r"simulate\.scenes = 9: should be less than or equal to 4"):
        params.validate(values, Params, "simulate")


def test_contact_sheet(rendered, tmp_path):
    sheet.contact_sheet(rendered, tmp_path / "sheet.jpg")
    assert cv2.imread(str(tmp_path / "sheet.jpg")).shape[1] == 3 * 160 + 2 * 4
    with pytest.raises(UserError, match="render it first"):
        sheet.contact_sheet(tmp_path, tmp_path / "none.jpg")


def test_weak_clips_are_of_their_own_and_every_type_is_in_them():
    plans = weak_clips.plan(TINY.model_copy(update={"weak_clips": 80, "weak_frames": 240}), RUNS, seed=0)
    assert len({item.name for item in plans}) == 80
    with_event = [item for item in plans if item.events]
    assert len(with_event) == 40
    assert {item.events[0][0] for item in with_event} == set(EVENTS)
    assert {item.seed[1] for item in plans}.isdisjoint({item.seed[1] for item in plan(TINY, seed=0)})
    assert plans[0].drawn[:4] == (0, 1, 2, 40)
    assert all(0 <= frame < 240 for frame in plans[0].drawn)


def test_a_weak_clip_has_one_label_and_frames_named_by_number(tmp_path):
    plans = weak_clips.plan(TINY.model_copy(update={"weak_clips": 4}), RUNS, seed=0)
    rows = [weak_clips.write(item, tmp_path) for item in plans]
    for (name, label), item in zip(rows, plans, strict=True):
        frames = sorted(path.name for path in (tmp_path / "weak" / name).iterdir())
        assert frames == [f"{number:05d}.jpg" for number in item.drawn]
        assert label == int(any(owner.any() for _, owner in render(item)))
        assert label == 0 or item.events


def test_drawing_some_frames_shows_what_all_frames_show():
    """The cast is where it is in the whole clip: only sensor noise, drawn frame by frame, differs."""
    whole = Plan("a", 0, "weak", (0, 2, 0), (160, 90), 48, (("vehicle", 10),))
    some = replace(whole, drawn=(20, 30))
    frames = list(render(whole))
    for number, (image, owner) in zip(some.drawn, render(some), strict=True):
        assert np.array_equal(owner, frames[number][1])
        assert np.abs(image.astype(int) - frames[number][0]).mean() < 6
