"""Labels, masks and events come out 0-based and agree with hand-written files."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from vad.data import annotations, matlab
from vad.data.intervals import Intervals
from vad.data.tables import Names
from vad.pipeline.errors import UserError


def test_labels_from_intervals_are_inclusive(tmp_path: Path) -> None:
    source = Intervals(tmp_path / "x.m", ((0, 1), (3, 3)))
    assert annotations.frame_labels(source, 5, "a").tolist() == [1, 1, 0, 1, 0]


def test_interval_beyond_the_clip(tmp_path: Path) -> None:
    source = Intervals(tmp_path / "x.m", ((2, 5),))
    with pytest.raises(UserError, match=r"x.m: clip a has 5 frames, so the abnormal stretch from frame 2 to 5"):
        annotations.frame_labels(source, 5, "a")


def test_labels_from_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, 1, 1]], np.float64))
    labels = annotations.frame_labels(tmp_path / "a.npy", 3, "a")
    assert labels.dtype == np.int8
    assert labels.tolist() == [0, 1, 1]
    with pytest.raises(UserError, match=r"a.npy has 3 labels but clip a has 4 frames"):
        annotations.frame_labels(tmp_path / "a.npy", 4, "a")


def test_labels_other_than_0_and_1(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([0, 1, 2]))
    with pytest.raises(UserError, match="labels must be 0 or 1"):
        annotations.frame_labels(tmp_path / "a.npy", 3, "a")


def test_unreadable_npy(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"not an array")
    with pytest.raises(UserError, match=r"a.npy cannot be read as a NumPy array of numbers"):
        annotations.frame_labels(tmp_path / "a.npy", 3, "a")


def test_no_source_is_all_normal() -> None:
    assert annotations.frame_labels(None, 2, "a").tolist() == [0, 0]


def test_masks_in_every_format_are_the_same(tmp_path: Path) -> None:
    masks = np.zeros((3, 4, 6), np.uint8)
    masks[1, 1:3, 2:5] = 1
    np.save(tmp_path / "a.npy", masks)
    cells = np.empty((1, 3), dtype=object)
    for i in range(3):
        cells[0, i] = masks[i]
    scipy.io.savemat(tmp_path / "a.mat", {"volLabel": cells})
    (tmp_path / "a").mkdir()
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"a/{i}.bmp"), masks[i] * 255)
    for path in (tmp_path / "a.npy", tmp_path / "a.mat", tmp_path / "a"):
        count, read = annotations.pixel_masks(path, "a")
        assert count == 3
        np.testing.assert_array_equal(np.stack(list(read)), masks > 0)


def test_mat_without_its_variable(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"other": 1})
    with pytest.raises(UserError, match="has no variable 'volLabel'"):
        annotations.pixel_masks(tmp_path / "a.mat", "a")
    (tmp_path / "b.mat").write_bytes(b"x" * 200)
    with pytest.raises(UserError, match=r"b.mat cannot be read as a MATLAB file"):
        matlab.mat_intervals(tmp_path / "b.mat", 1)


def test_events_take_the_clips_unique_names(tmp_path: Path) -> None:
    path, names = tmp_path / "events.csv", Names({"01": "01.avi"})
    assert annotations.events(path, Names({}), {}).columns.tolist() == annotations.EVENT_COLUMNS
    path.write_text("clip,first frame,last frame,type\n01,5,9,fall\n01.avi,0,3,bicycle\n")
    table = annotations.events(path, names, {"01": [("test_01", 0, 10)]})
    assert table.to_numpy().tolist() == [["test_01", 0, 3, "bicycle"], ["test_01", 5, 9, "fall"]]
    with pytest.raises(UserError, match="line 2: frames 5 to 9 are not in clip 01 of 9 frames"):
        annotations.events(path, names, {"01": [("test_01", 0, 9)]})
    path.write_text("clip,start,end\n")
    with pytest.raises(UserError, match="has no column first_frame, last_frame, type"):
        annotations.events(path, names, {})


def test_an_event_in_two_parts_of_a_clip(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("clip,first_frame,last_frame,type\na,8,12,fall\n")
    table = annotations.events(path, Names({"a": "a"}), {"a": [("a_part1", 0, 10), ("a_part2", 10, 5)]})
    assert table.to_numpy().tolist() == [["a_part1", 8, 9, "fall"], ["a_part2", 0, 2, "fall"]]


def test_an_npz_that_is_named_npy(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.savez(file, labels=np.array([0, 1, 1]))
    assert annotations.frame_labels(tmp_path / "a.npy", 3, "a").tolist() == [0, 1, 1]
    with (tmp_path / "a.npy").open("wb") as file:
        np.savez(file, a=np.array([0]), b=np.array([1]))
    with pytest.raises(UserError, match=r"a.npy is an .npz of several arrays"):
        annotations.frame_labels(tmp_path / "a.npy", 1, "a")


@pytest.mark.parametrize("array", [np.array(["0", "1"]), np.array([0, 1j]), np.zeros(2, [("a", int)])])
def test_labels_that_are_no_numbers(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UserError, match=r"a.npy: labels must be the numbers 0 and 1"):
        annotations.frame_labels(tmp_path / "a.npy", 2, "a")


def test_masks_in_a_mat_that_are_none(tmp_path: Path) -> None:
    cells = np.empty((1, 2), dtype=object)
    cells[0, 0], cells[0, 1] = np.zeros((4, 6)), "text"
    scipy.io.savemat(tmp_path / "a.mat", {"volLabel": cells})
    with pytest.raises(UserError, match=r"a.mat: every cell of volLabel must be a mask"):
        annotations.pixel_masks(tmp_path / "a.mat", "a")


def test_a_mat_that_crashes_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"gt": np.array([[1], [2]])})
    monkeypatch.setattr(matlab, "_READ", "import os; os.abort()")
    with pytest.raises(UserError, match=r"a.mat cannot be read as a MATLAB file \(it is damaged\)"):
        matlab.mat_intervals(tmp_path / "a.mat", 1)


def small_and_large(folder: Path, kind: str) -> Path:
    """A file of at most 1 MB whose variable ``gt`` takes 1.2 GB, as MATLAB or NumPy reads it."""
    path, side = folder / ("a.npy" if kind == "npz" else "a.mat"), 4000
    if kind == "numbers that widen":  # a byte each in the file, eight as the doubles that they stand for
        scipy.io.savemat(path, {"gt": np.zeros((10 * side, side))}, do_compression=True)
    elif kind == "cells":
        cells = np.empty((1, 80), object)
        cells[:] = [[np.zeros((side, side), np.uint8)] * 80]
        scipy.io.savemat(path, {"gt": cells}, do_compression=True)
    elif kind == "7.3":
        with h5py.File(path, "w", userblock_size=512) as file:
            mask = file.create_dataset("m", (side, side), "u1", compression="gzip", data=np.zeros((side, side), "u1"))
            file.create_dataset("gt", data=np.array([mask.ref] * 80, h5py.ref_dtype))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as entry:
            np.lib.format.write_array_header_1_0(
                entry, {"shape": (80, side, side), "fortran_order": False, "descr": "|u1"}
            )
            for _ in range(80):
                entry.write(bytes(side**2))
    assert path.stat().st_size < 1.5e6
    return path


@pytest.mark.parametrize("kind", ["numbers that widen", "cells", "7.3", "npz"])
def test_a_small_file_that_unpacks_to_gigabytes_takes_none(tmp_path: Path, kind: str) -> None:
    path = small_and_large(tmp_path, kind)
    script = (
        "import resource, sys; from pathlib import Path; from vad.data import annotations, matlab\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: annotations.load_npy(Path(sys.argv[1])) if sys.argv[1].endswith('y') "
        "else matlab.read_variable(Path(sys.argv[1]), 'gt')\n"
        "except Exception as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    said = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True).stdout
    line, grown = said.splitlines()
    assert re.search(r"a\.(mat: 'gt' takes|npy unpacks to) more than 1024 MiB", line)
    assert int(grown) < 100_000  # KiB


def test_masks_as_large_as_avenue_s_are_read(tmp_path: Path) -> None:
    cells = np.empty((1, 1500), object)
    cells[:] = [[np.ones((360, 640), np.uint8)] * 1500]
    scipy.io.savemat(tmp_path / "a.mat", {"volLabel": cells}, do_compression=True)
    count, masks = annotations.pixel_masks(tmp_path / "a.mat", "a")
    assert (count, next(masks).shape) == (1500, (360, 640))
