"""What happens to one clip's frames on their way into the store."""

import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from vad.data.clips import RawClip
from vad.data.frames import Clip
from vad.data.packing import Job, Params, extract_clip, stored_size
from vad.pipeline.errors import UserError
from vad.pipeline.params import validate

PARAMS = Params(short_side=None, stride=1, jpeg_quality=95, turn_back=True)


def picture_clip(folder: Path, frames: int = 12, size: tuple[int, int] = (96, 64), suffix: str = "jpg") -> RawClip:
    """A clip of pictures: sky over ground, noise, and a square that walks."""
    rng = np.random.default_rng(0)
    scene = np.where(np.arange(size[1])[:, None] < size[1] // 3, 200, 80) + np.zeros(size[0])
    (folder / "raw").mkdir()
    for t in range(frames):
        image = scene + rng.normal(0, 3, scene.shape)
        image[30:50, 5 * t : 5 * t + 12] = 20
        cv2.imwrite(str(folder / f"raw/{t:03d}.{suffix}"), np.clip(image, 0, 255).astype(np.uint8))
    np.save(folder / "labels.npy", np.zeros(frames, np.uint8))
    return RawClip("a", "a", "01", "test", folder / "raw", 10.0, labels=folder / "labels.npy")


def job(folder: Path, clip: RawClip, **changes: object) -> Job:
    return Job(clip, PARAMS.model_copy(update=changes), folder, folder)


def stored(folder: Path, frames: list[int]) -> Clip:
    numbers = np.array(frames)
    return Clip("a", "01", "test", 10.0, numbers, np.zeros(len(frames), np.int8), numbers, folder / "a.zip")


def raw_bytes(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "raw").iterdir())]


def zip_bytes(folder: Path) -> list[bytes]:
    with zipfile.ZipFile(folder / "a.zip") as container:
        return [container.read(name) for name in sorted(container.namelist())]


def test_jpegs_are_copied_byte_for_byte(tmp_path: Path) -> None:
    (extracted,) = extract_clip(job(tmp_path, picture_clip(tmp_path)))
    assert (extracted.frames, extracted.size, extracted.stored_size) == (12, (96, 64), (96, 64))
    assert extracted.problems == []
    assert zip_bytes(tmp_path) == raw_bytes(tmp_path)


def test_other_pictures_are_encoded(tmp_path: Path) -> None:
    extract_clip(job(tmp_path, picture_clip(tmp_path, suffix="tif")))
    raw = cv2.imread(str(tmp_path / "raw/003.tif"), cv2.IMREAD_GRAYSCALE).astype(int)
    assert np.abs(stored(tmp_path, [3]).read_gray(3) - raw).mean() < 2


def test_frames_are_reduced_and_thinned(tmp_path: Path) -> None:
    (extracted,) = extract_clip(job(tmp_path, picture_clip(tmp_path), short_side=32, stride=5))
    assert (extracted.frames, extracted.stored_size) == (12, (48, 32))
    clip = stored(tmp_path, [0, 5, 10])
    assert [clip.read(frame).shape for frame in clip.frames] == [(32, 48, 3)] * 3
    raw = cv2.imread(str(tmp_path / "raw/010.jpg"), cv2.IMREAD_GRAYSCALE)
    wanted = cv2.resize(raw, (48, 32), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(clip.read_gray(10) - wanted).mean() < 2


def test_upside_down_frames_are_turned_back(tmp_path: Path) -> None:
    clip = picture_clip(tmp_path)
    upright = cv2.imread(str(tmp_path / "raw/004.jpg"), cv2.IMREAD_GRAYSCALE).astype(int)
    cv2.imwrite(str(tmp_path / "raw/004.jpg"), cv2.flip(upright.astype(np.uint8), -1))
    assert extract_clip(job(tmp_path, clip))[0].problems == [(4, "upside_down", "flipped")]
    assert np.abs(stored(tmp_path, [4]).read_gray(4) - upright).mean() < 3
    assert zip_bytes(tmp_path)[:4] == raw_bytes(tmp_path)[:4]
    assert extract_clip(job(tmp_path, clip, turn_back=False))[0].problems == [(4, "upside_down", "kept")]
    assert zip_bytes(tmp_path) == raw_bytes(tmp_path)
    assert extract_clip(job(tmp_path, replace(clip, split="train")))[0].problems == []


def test_masks_are_stored_at_the_stored_size_and_give_labels(tmp_path: Path) -> None:
    clip = replace(picture_clip(tmp_path), labels=None, masks=tmp_path / "masks.npy")
    masks = np.zeros((12, 64, 96), np.uint8)
    masks[5, 10:30, 20:60] = 1
    np.save(tmp_path / "masks.npy", masks)
    (extracted,) = extract_clip(job(tmp_path, clip, short_side=32, stride=5))
    assert extracted.labels.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    packed = np.load(tmp_path / "a.npz")
    assert packed["size"].tolist() == [32, 48]
    bits = np.unpackbits(packed["bits"], axis=1, count=32 * 48).reshape(-1, 32, 48)
    wanted = np.zeros((3, 32, 48))
    wanted[1, 5:15, 10:30] = 1
    np.testing.assert_array_equal(bits, wanted)


def test_counts_that_differ_are_named(tmp_path: Path) -> None:
    clip = picture_clip(tmp_path)
    np.save(tmp_path / "labels.npy", np.zeros(11))
    with pytest.raises(UserError, match=r"labels.npy has 11 labels but clip a has 12 frames"):
        extract_clip(job(tmp_path, clip))
    np.save(tmp_path / "masks.npy", np.zeros((13, 64, 96), np.uint8))
    with pytest.raises(UserError, match=r"masks.npy has 13 masks but clip a has 12 frames"):
        extract_clip(job(tmp_path, replace(clip, masks=tmp_path / "masks.npy")))


def test_pictures_of_two_sizes(tmp_path: Path) -> None:
    clip = picture_clip(tmp_path)
    cv2.imwrite(str(tmp_path / "raw/007.jpg"), np.zeros((50, 50), np.uint8))
    with pytest.raises(UserError, match=r"007.jpg: frame 7 is \(50, 50\) but the clip began with \(96, 64\)"):
        extract_clip(job(tmp_path, clip))


def test_stored_size() -> None:
    assert stored_size(856, 480, 240) == (428, 240)
    assert stored_size(360, 240, 240) == (360, 240)
    assert stored_size(238, 158, 240) == (238, 158)
    assert stored_size(480, 854, 240) == (240, 428)
    assert stored_size(1920, 1080, None) == (1920, 1080)


@pytest.mark.parametrize("change", [{"short_side": 8}, {"stride": 0}, {"jpeg_quality": 101}, {"colour": True}])
def test_parameters_out_of_range(change: dict) -> None:
    with pytest.raises(UserError, match=f"extract_frames.{next(iter(change))}"):
        validate(PARAMS.model_dump() | change, Params, "params.yaml: extract_frames")
