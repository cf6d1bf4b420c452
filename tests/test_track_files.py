"""The same boxes read from both formats."""

from pathlib import Path

import numpy as np
import pytest

from vad.data import track_files
from vad.pipeline.errors import UserError

HEADER = "Frame_Number Person_ID State BB_tl_0 BB_tl_1 BB_br_0 BB_br_1\n"


def test_both_formats_agree(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(HEADER + "3 2 2 10 20 15 40\n2 1 2 27 87 51 176\n2 0 1 -3 0 5.5 9\n")
    (tmp_path / "b.txt").write_text("4,2,10,20,5,20,1,-1,-1\n3,1,27,87,24,89,1,-1,-1\n3,0,-3,0,8.5,9,-1,-1,-1\n")
    corners, mot = track_files.read(tmp_path / "a.txt"), track_files.read(tmp_path / "b.txt")
    assert corners.equals(mot)
    assert corners.to_numpy().tolist() == [[2, 0, -3, 0, 5.5, 9], [2, 1, 27, 87, 51, 176], [3, 2, 10, 20, 15, 40]]
    assert [str(kind) for kind in corners.dtypes] == ["int64"] * 2 + ["float32"] * 4


def test_motchallenge_rows_to_ignore(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1,1,0,0,5,5,0\n1,2,0,0,5,5,0.9\n")
    assert track_files.read(tmp_path / "a.txt")["track"].tolist() == [2]


def test_no_boxes(tmp_path: Path) -> None:
    for text in ("", HEADER):
        (tmp_path / "a.txt").write_text(text)
        table = track_files.read(tmp_path / "a.txt")
        assert table.shape == (0, 6)
        assert table["x1"].dtype == np.float32


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "1 2 3\n", HEADER + "1 2 x 4 5 6 7\n", "1,2,3\n", "hello\n", "1,1,0,0,5,5\n2,1,0\n",
        "1,1,nan,0,5,5\n", "1e300,1,0,0,5,5\n", "1,1,0,0,inf,5\n",
        "1.5,1,0,0,5,5\n", "1,0.5,0,0,5,5\n", "1_0,1,0,0,5,5\n", "\udcbe\udcff",
    ],
)  # fmt: skip
def test_malformed(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=r"a.txt is not a track file") as error:
        track_files.read(tmp_path / "a.txt")
    assert "\n" not in str(error.value)


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a track file"):
        track_files.read(tmp_path)


def test_frame_zero_in_motchallenge(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0,1,0,0,5,5,1\n")
    with pytest.raises(UserError, match="frame -1 is negative"):
        track_files.read(tmp_path / "a.txt")


def test_boxes_without_an_identity(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1,-1,0,0,5,5,0.9\n1,-3,9,9,5,5,0.9\n2,4,0,0,5,5,1\n")
    assert track_files.read(tmp_path / "a.txt")["track"].tolist() == [-1, -1, 4]
