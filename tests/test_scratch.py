"""Temporary files: outside what is read, swept when their writer is dead, never while it lives; one writer a stage."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vad.pipeline import artifacts, scratch
from vad.pipeline.errors import UserError

WRITER = """
import sys, time
from vad.pipeline import artifacts
with artifacts.replacing("data/maps/stae") as folder:
    folder.mkdir()
    (folder / "01.npz").touch()
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def start(code: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout.readline() == "writing\n"
    return child


def test_a_killed_writer_leaves_nothing_where_stages_read_and_is_swept():
    child = start(WRITER)
    assert len(list(Path("data/.tmp").glob(".writing-*"))) == 1
    assert not Path("data/maps").exists()
    scratch.sweep()
    assert len(list(Path("data/.tmp").glob(".writing-*"))) == 1  # its writer is alive
    child.send_signal(signal.SIGKILL)
    child.wait()
    scratch.sweep()
    assert [path for path in Path().rglob("*") if not path.is_dir()] == []
    assert list(Path("data/.tmp").glob(".writing-*")) == []


def test_what_an_earlier_revision_left_among_the_maps_is_swept():
    Path("data/maps/.writing-4242-x/stae").mkdir(parents=True)
    scratch.sweep()
    assert list(Path("data/maps").iterdir()) == []


def test_outside_the_project_the_file_is_written_beside_its_place(tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".writing-4242-x").mkdir()
    artifacts.save_json(elsewhere / "deep" / "a.json", {})
    artifacts.save_json(elsewhere / "a.json", {})
    assert sorted(path.name for path in elsewhere.iterdir()) == ["a.json", "deep"]
    assert not Path("data").exists()


def test_a_second_writer_of_a_stage_is_refused_until_the_first_is_gone():
    locked = "from vad.pipeline import scratch\nwith scratch.only_one('fuse'), artifacts"
    child = start(WRITER.replace("with artifacts", locked))
    line = f"process {child.pid} is writing this stage's outputs already"
    with pytest.raises(UserError, match=line), scratch.only_one("fuse"):
        pass
    with scratch.only_one("score@padim"):
        pass  # another stage
    child.kill()
    child.wait()
    with scratch.only_one("fuse"):
        pass


def test_what_a_process_started_holds_no_lock_when_that_is_killed():
    code = WRITER.replace("    print", "    import subprocess\n    subprocess.Popen(['sleep', '30'])\n    print")
    child = start(code)
    child.kill()
    child.wait()
    time.sleep(0.1)
    scratch.sweep()
    assert list(Path("data/.tmp").glob(".writing-*")) == []
