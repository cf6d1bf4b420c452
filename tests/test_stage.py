"""A stage's ending: one line and exit code for a mistake, and a cost record that reruns do not change."""

import errno
import json

import pytest
from safetensors import SafetensorError

from vad.pipeline import artifacts, stage
from vad.pipeline.errors import UserError


@pytest.fixture(autouse=True)
def _own_records(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "TIMINGS", tmp_path / "timings")
    monkeypatch.setattr(artifacts, "written", [])


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("clip 01 is broken"), "toy: clip 01 is broken"),
        (OSError(errno.ENOSPC, "No space left", "data/a"), "the disk is full while writing data/a"),
        (OSError("15408000 requested and 6606720 written"), "the disk is full while writing an output"),  # NumPy's
        (SafetensorError("I/O error: No space left on device (os error 28)"), "the disk is full while writing"),
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


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        stage.run(raising(ZeroDivisionError()), name="toy")


def test_what_wrote_nothing_leaves_no_record(tmp_path):
    stage.run(lambda: None, name="toy")
    assert not (tmp_path / "timings").exists()


def test_the_cost_of_the_first_run_stays(tmp_path):
    out, record = tmp_path / "out.json", tmp_path / "timings" / "toy.json"

    def save(value):
        return lambda: artifacts.save_json(out, {"a": value}) or {"frames": 7}

    stage.run(save(1), name="toy")
    first = record.read_text()
    assert json.loads(first)["frames"] == 7
    stage.run(save(1), name="toy")
    assert record.read_text() == first
    stage.run(save(2), name="toy")
    assert json.loads(record.read_text())["outputs"] != json.loads(first)["outputs"]
    stage.run(save(1), name="toy")
    assert record.read_text() == first
