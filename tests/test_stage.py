"""A stage's ending: one line and exit code for a mistake, and a cost record that reruns do not change."""

import errno
import json

import pytest
from tqdm import tqdm

from vad.pipeline import stage
from vad.pipeline.errors import UserError


@pytest.fixture(autouse=True)
def _own_records(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stage, "TIMINGS", tmp_path / "timings")
    monkeypatch.setattr(stage.processes, "leave_within", lambda *_: None)  # pytest goes on


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("clip 01 is broken"), "toy: clip 01 is broken"),
        (OSError(errno.ENOSPC, "No space left", "data/a"), "the disk is full while writing data/a"),
        (PermissionError(errno.EACCES, "denied", "data/a"), "no permission for data/a"),
        (OSError(errno.EROFS, "read-only", "data/a"), "cannot write data/a"),
        (FileNotFoundError(errno.ENOENT, "no such file", "data/a"), "data/a is missing: run 'dvc repro'"),
    ],
)
def test_a_mistake_is_one_line(capsys, error, line):
    with pytest.raises(SystemExit) as caught:
        stage.run(raising(error), name="toy")
    assert caught.value.code == 1
    message = capsys.readouterr().err.strip()
    assert line in message
    assert "\n" not in message


def test_an_interruption_says_how_to_go_on(capsys):
    with pytest.raises(SystemExit) as caught:
        stage.run(raising(KeyboardInterrupt()), name="toy")
    assert caught.value.code == 130
    assert "dvc repro" in capsys.readouterr().err


@pytest.mark.parametrize(
    "bug",
    [
        ZeroDivisionError(),
        FileNotFoundError(errno.ENOENT, "no such file", "/opt/x"),
        FileNotFoundError("nothing named"),
        ValueError("the words 'No space left on device' in a user's file"),
    ],
)
def test_a_bug_keeps_its_traceback(bug):
    with pytest.raises(type(bug)):
        stage.run(raising(bug), name="toy")


def test_a_message_has_a_line_of_its_own(capsys):
    def main():
        for _ in tqdm(range(3)):
            raise UserError("clip 01 is broken")

    with pytest.raises(SystemExit):
        stage.run(main, name="toy")
    assert capsys.readouterr().err.splitlines()[-1] == "toy: clip 01 is broken"


def test_a_stage_records_what_it_cost(tmp_path):
    stage.run(lambda: {"frames": 7}, name="toy")
    record = json.loads((tmp_path / "timings" / "toy.json").read_text())
    assert (record["stage"], record["frames"]) == ("toy", 7)
    assert record["seconds"] < 5
    assert record["peak_mib"] > 10


def test_what_is_no_stage_leaves_no_record(tmp_path):
    stage.run(lambda: None, name="toy", alone=False)
    assert not (tmp_path / "timings").exists()
