"""Hostile and damaged inputs of the data set's readers: a right answer or one line, never a traceback or a crash.

A few seconds by default; ``VAD_FUZZ=5000 pytest tests/test_fuzz_data.py`` tries so many examples of each.
"""

import os
import resource
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.numbered import make, numbers
from tests.test_layouts import gt, touch
from vad.data import annotations, feature_sets, matlab, track_files
from vad.data.layouts import find_clips
from vad.data.pictures import frame_files, read_mask, read_picture
from vad.data.tables import Names
from vad.pipeline.errors import UserError

EXAMPLES = int(os.environ.get("VAD_FUZZ", "40"))
LARGEST_GROWTH = 2**30  # bytes of memory, of all of it together

fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="VAD_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
numbers_like = st.one_of(
    st.integers(-2, 12).map(str),
    st.sampled_from(["1_0", "nan", "inf", "1e3", "1.0", "", " 3 ", "٣", "9" * 30, "0x5", "-0", "+4", '"', "=1+1"]),
    st.text(max_size=6),
)
names_like = st.one_of(st.sampled_from(["b", "b.mp4", "NA", "../b", "B", "b\n"]), st.text(max_size=8))


@pytest.fixture(scope="module", autouse=True)
def memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < LARGEST_GROWTH


def judged(read: Callable[[], object]) -> object:
    """What ``read`` gives, or None where it says in one line what is wrong."""
    try:
        return read()
    except UserError as error:
        said = str(error)
    assert "\n" not in said
    return None


def table(header: str) -> st.SearchStrategy[str]:
    row = st.tuples(names_like, numbers_like, numbers_like, st.text(max_size=5)).map(",".join)
    rows = st.lists(row, max_size=5).map("\n".join)
    heads = st.one_of(
        st.just(header), st.sampled_from(["", header.upper(), header + ",x", header[:9], "\ufeff" + header])
    )
    return st.one_of(st.tuples(heads, rows).map("\n".join), st.text(max_size=80))


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode(errors="surrogatepass"))
    return path


# --- tables ---------------------------------------------------------------------------------------------------------


@fuzz
@given(text=table("clip,start,end"))
def test_labels(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "labels.csv", text)
    found = judged(lambda: annotations.labels_csv(path, Names({"b": "b.mp4", "NA": "NA.mkv"})))
    if found is not None:
        labels = judged(lambda: annotations.frame_labels(found["b"], 10, "b"))
        assert labels is None or labels.sum() <= 10


@fuzz
@given(text=table("clip,first_frame,last_frame,type"))
def test_events(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "events.csv", text)
    found = judged(lambda: annotations.events(path, Names({"b": "b.mp4"}), {"b": [("b", 0, 10)]}))
    assert found is None or ((found["first_frame"] >= 0) & (found["last_frame"] < 10)).all()


@fuzz
@given(text=table("clip,camera"))
def test_cameras(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "train/a.mp4", "test/b.mp4")
    written(tmp_path / "labels.csv", "clip,start,end")
    written(tmp_path / "clips.csv", text)
    found = judged(lambda: find_clips(tmp_path))
    assert found is None or all(clip.scene for clip in found)


@fuzz
@given(
    rows=st.lists(st.lists(numbers_like, min_size=5, max_size=9), max_size=5),
    between=st.sampled_from([",", " ", "\t", ";"]),
    header=st.sampled_from(["", "Frame_Number Person_ID State BB_tl_0 BB_tl_1 BB_br_0 BB_br_1\n", "# frame,id\n"]),
)
def test_tracks(tmp_path: Path, rows: list[list[str]], between: str, header: str) -> None:
    path = written(tmp_path / "a.txt", header + "\n".join(between.join(row) for row in rows))
    found = judged(lambda: track_files.read(path))
    assert found is None or (np.isfinite(found.to_numpy(float)).all() and (found["frame"] >= 0).all())


LISTS = ["weak_labels.csv", "SH_Train_new.txt", "SH_Test_NEW.txt", "Anomaly_Train.txt", "annotations.txt",
         "Temporal_Anomaly_Annotation.txt", "abnormal_training_video_names.txt", "abnormal_test_video_names.txt",
         "normal_test_video_names.txt", "b_annotations/b_tracks.txt", feature_sets.FRAMES]  # fmt: skip
texts = st.one_of(
    table("clip,label"),
    table("clip,frames"),
    st.lists(st.lists(st.one_of(names_like, numbers_like), max_size=6).map(" ".join), max_size=4).map("\n".join),
    st.lists(st.lists(st.one_of(names_like, numbers_like), max_size=4).map(",".join), max_size=4).map("\n".join),
)


@fuzz
@given(files=st.dictionaries(st.sampled_from(LISTS), texts, min_size=1, max_size=4))
def test_lists_of_weak_labels(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> None:
    root = tmp_path_factory.mktemp("weak")
    (root / "features").mkdir()
    for name in ("b", "NA"):
        np.save(root / "features" / f"{name}.npy", np.zeros((4, 3), np.float32))
    (root / "b_annotations").mkdir()
    for name, text in files.items():
        written(root / name, text)
    found = judged(lambda: feature_sets.load(root, root / "features"))
    if found is not None:
        assert set(found.labels.tolist()) <= {0, 1}
        for video, truth in found.test:
            labels = judged(lambda video=video, truth=truth: found.frame_labels(video, truth))
            assert labels is None or set(labels.tolist()) <= {0, 1}


# --- arrays and pictures, damaged -----------------------------------------------------------------------------------

damages = st.lists(
    st.tuples(st.floats(0, 1), st.one_of(st.binary(min_size=1, max_size=8), st.integers(1, 400))),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, changes: list[tuple[float, bytes | int]]) -> bytes:
    """``data`` with bytes written over where a change is bytes, and so many left out where it is a number."""
    found = bytearray(data)
    for share, change in changes:
        at = int(share * len(found))
        if isinstance(change, bytes):
            found[at : at + len(change)] = change
        else:
            del found[at : at + change]
    return bytes(found)


class Samples(dict):
    """File name -> bytes, printed briefly where an example fails."""

    def __repr__(self) -> str:
        return "samples"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """A sound file of every kind."""
    folder = tmp_path_factory.mktemp("samples")
    gt(folder, np.array([[3], [9]]), np.array([[1, 20], [5, 30]]))
    masks = np.empty((1, 2), dtype=object)
    masks[0, 0], masks[0, 1] = np.zeros((8, 8), np.uint8), np.ones((8, 8), np.uint8)
    scipy.io.savemat(folder / "masks.mat", {"volLabel": masks}, do_compression=True)
    np.save(folder / "labels.npy", np.array([0, 1, 1, 0], np.uint8))
    np.savez_compressed(folder / "labels.npz", labels=np.array([0, 1, 1, 0], np.uint8))
    image = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    for suffix in ("jpg", "png", "bmp", "tif"):
        cv2.imwrite(str(folder / f"0.{suffix}"), image)
    for name, codec in (("a.mp4", "libx264"), ("a.mkv", "mpeg4"), ("a.avi", "mpeg4"), ("a.ts", "mpeg2video")):
        make(folder / name, codec, frames=8)
    return Samples({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})


@settings(fuzz, max_examples=max(4, EXAMPLES // 10))  # each starts a process
@given(changes=damages, name=st.sampled_from(["any.mat", "masks.mat"]))
def test_matlab(tmp_path: Path, samples: Samples, changes: list, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(damaged(samples[name], changes))
    judged(lambda: matlab.mat_intervals(path, 2))
    judged(lambda: [mask.shape for mask in annotations.pixel_masks(path, "a")[1]])


@fuzz
@given(changes=damages, name=st.sampled_from(["labels.npy", "labels.npz"]))
def test_arrays(tmp_path: Path, samples: Samples, changes: list, name: str) -> None:
    path = tmp_path / "labels.npy"
    path.write_bytes(damaged(samples[name], changes))
    labels = judged(lambda: annotations.frame_labels(path, 4, "a"))
    assert labels is None or set(labels.tolist()) <= {0, 1}
    judged(lambda: annotations.pixel_masks(path, "a"))


@fuzz
@given(changes=damages, name=st.sampled_from(["0.jpg", "0.png", "0.bmp", "0.tif"]))
def test_pictures(tmp_path: Path, samples: Samples, changes: list, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(damaged(samples[name], changes))
    judged(lambda: (read_picture(path).pixels(), read_picture(path).small_gray()))
    judged(lambda: read_mask(path))


@fuzz
@given(changes=damages, name=st.sampled_from(["a.mp4", "a.mkv", "a.avi", "a.ts"]))
def test_videos(tmp_path: Path, samples: Samples, changes: list, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(damaged(samples[name], changes))
    judged(lambda: numbers(path))


KINDS = [("a.avi", "mpeg4"), ("b.avi", "libx264"), ("a.mp4", "libx264"), ("b.mp4", "mpeg4"), ("a.mkv", "libx264"),
         ("b.mkv", "mpeg4"), ("c.mkv", "libx265"), ("d.mkv", "ffv1"), ("a.webm", "libvpx"), ("b.webm", "libvpx-vp9"),
         ("a.mov", "prores_ks")]  # fmt: skip
STREAMS = [("a.ts", "libx264"), ("b.ts", "mpeg2video"), ("a.mpg", "mpeg2video")]


def overwritten(folder: Path, name: str, codec: str) -> list[int]:
    """How many of 40 frames come out of files that are read although 60 bytes were overwritten; ``EXAMPLES`` tried."""
    pixels = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    whole = make(folder / name, codec, pixels=pixels, options={"x265-params": "log-level=none"}).read_bytes()
    rng, counts = np.random.default_rng(0), []
    for attempt in range(EXAMPLES):
        at = int(rng.integers(len(whole) // 10, len(whole) - 60))
        filling = rng.integers(0, 256, 60, dtype=np.uint8).tobytes() if attempt % 2 else bytes(60)
        (folder / name).write_bytes(whole[:at] + filling + whole[at + 60 :])
        if (found := judged(lambda: numbers(folder / name))) is not None:
            counts.append(len(found))
    return counts


@pytest.mark.parametrize(("name", "codec"), KINDS)
def test_no_frame_is_lost_without_a_word(tmp_path: Path, name: str, codec: str) -> None:
    assert set(overwritten(tmp_path, name, codec)) <= {40}


@pytest.mark.parametrize(("name", "codec"), STREAMS)
def test_few_frames_are_lost_without_a_word_from_streams(tmp_path: Path, name: str, codec: str) -> None:
    """They have no structure to compare with: the loss of their last frames leaves no trace."""
    counts = overwritten(tmp_path, name, codec)
    print(f"{name} {codec}: {EXAMPLES} tried, {len(counts)} read, {sum(count != 40 for count in counts)} of them short")
    assert sum(count != 40 for count in counts) <= 0.1 * EXAMPLES


# --- layouts --------------------------------------------------------------------------------------------------------

PARTS = ["train", "test", "training", "testing", "Train", "Test", "videos", "frames", "tracks", "01", "02", "Train001",
         "Test001", "Test001_gt", "test_frame_mask", "test_pixel_mask", "training_videos", "testing_videos", "gate",
         "ground_truth_demo", "testing_label_mask"]  # fmt: skip
FILES = ["a.mp4", "b.avi", "000.jpg", "001.tif", "01.npy", "01.txt", "ped2.mat", "UCSDped2.m", "labels.csv",
         "1_label.mat", "clips.csv", "events.csv", "²", "NA.mp4"]  # fmt: skip
paths = st.lists(st.tuples(st.lists(st.sampled_from(PARTS), max_size=3), st.sampled_from(FILES)), max_size=10)


@fuzz
@given(files=paths, layout=st.sampled_from(["auto", "shanghaitech", "ucsd", "frames", "avenue", "folder"]))
def test_layouts(tmp_path_factory: pytest.TempPathFactory, files: list, layout: str) -> None:
    root = tmp_path_factory.mktemp("root")
    for folders, name in files:
        folder = root.joinpath(*folders)
        if not any(parent.is_file() for parent in [folder, *folder.parents]):
            touch(folder, name)
    found = judged(lambda: find_clips(root, layout)) or []
    assert len({clip.name for clip in found}) == len(found)
    for clip in found:
        assert "/" not in clip.name
        if clip.pixels is not None and clip.pixels.is_dir():
            judged(lambda folder=clip.pixels: frame_files(folder))
