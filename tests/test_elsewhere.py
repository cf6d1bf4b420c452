"""A data set of the user's own does not wait for campus-sim, and a wrong data.root is said before anything runs."""

import sys
from pathlib import Path

import pytest

from stages import simulate
from vad.pipeline.errors import UserError
from vad.simulation.elsewhere import is_elsewhere

RENDERED = Path("data/campus-sim")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["simulate"])


@pytest.mark.parametrize("root", ["data/campus-sim", "./data/campus-sim/", "data/x/../campus-sim"])
def test_campus_sim_however_it_is_spelt(root: str) -> None:
    assert not is_elsewhere(root, RENDERED)


def test_another_data_set_is_not_made_to_wait_and_errors_in_the_simulation_do_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "params.yaml").write_text("data: {root: mine}\nsimulate: {train_clips: many}\n")
    assert simulate.main() == {"frames": 0}
    assert [path.name for path in RENDERED.iterdir()] == ["README.txt"]
    (tmp_path / "params.yaml").write_text("data: {root: data/campus-sim}\nsimulate: {train_clips: many}\n")
    with pytest.raises(UserError, match=r"simulate.train_clips = 'many'"):
        simulate.main()


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("", "must be the folder of a data set"),
        (None, "must be the folder of a data set"),
        ("~/videos", "write the folder in full, /"),
        ("/nowhere", "is not a folder here; give the folder of a data set$"),
        ("data/raw/x", r"dvc exp run --temp or --queue\) has only what Git and DVC track: write /.*/data/raw/x"),
    ],
)
def test_a_root_that_is_no_folder(root: str | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        is_elsewhere(root, RENDERED)
