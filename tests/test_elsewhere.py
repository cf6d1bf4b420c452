"""A data set of the user's own does not wait for campus-sim, and a wrong data.root is said before anything runs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages import check_data, simulate
from vad.pipeline.errors import UserError
from vad.simulation.elsewhere import is_elsewhere

REPOSITORY = Path(__file__).parents[1]
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
        (3, "must be the folder of a data set"),
        (True, "must be the folder of a data set"),
        ("~/videos", "write the folder in full, /"),
        ("/nowhere", "is not a folder here; give the folder of a data set$"),
        ("data/raw/x", r"dvc exp run --temp or --queue\) has only what Git and DVC track: write /.*/data/raw/x"),
    ],
)
def test_a_root_that_is_no_folder(root: str | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        is_elsewhere(root, RENDERED)


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("''", "must be the folder of a data set"),
        ("null", "must be the folder of a data set"),
        (".", "should be the data set's own folder"),
        ("data", "should be the data set's own folder"),
        ("..", "should be the data set's own folder"),
        ("~/x", "write the folder in full"),
    ],
)
def test_what_make_demo_says_first(tmp_path: Path, root: str, said: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "params.yaml").write_text(f"data: {{root: {root}, layout: auto, fps: null, size: null}}\n")
    with pytest.raises(UserError, match=said) as caught:
        check_data.main()
    assert "\n" not in str(caught.value)


def test_make_demo_goes_on_after_a_dvc_that_was_killed_while_it_wrote_its_lock(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("data: {root: data/campus-sim, layout: auto, fps: null, size: null}\n")
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    for content, stays in (("", False), ('{"write": {}, "read": {}}', True)):
        (tmp_path / ".dvc/tmp/rwlock").write_text(content)
        check_data.main()
        assert (tmp_path / ".dvc/tmp/rwlock").exists() is stays


def dry_run(project: Path, root: str) -> str:
    """What DVC says of a run of the pipeline with this root; no stage is started."""
    shutil.copy(REPOSITORY / "dvc.yaml", project)
    text = (REPOSITORY / "params.yaml").read_text().replace("root: data/campus-sim", f"root: {root}")
    (project / "params.yaml").write_text(text)
    for folder in ("stages", "vad"):
        shutil.copytree(REPOSITORY / folder, project / folder, dirs_exist_ok=True)
    for command in (["init", "-q", "-f", "--no-scm"], ["repro", "--dry"]):
        done = subprocess.run([sys.executable, "-m", "dvc", *command], cwd=project, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("root", ["null", "3", "true", "~/x"])
def test_dvc_comes_as_far_as_the_stage_that_says_it(tmp_path: Path, root: str) -> None:
    """DVC resolves all dependencies before any stage: none of these roots may stop it there."""
    assert "Running stage 'simulate'" in dry_run(tmp_path, root)


def test_dvc_itself_refuses_the_folder_of_the_outputs(tmp_path: Path) -> None:
    for root in ("''", ".", "data"):
        assert "both a dependency and an output in stage: extract_frames" in dry_run(tmp_path, root)
