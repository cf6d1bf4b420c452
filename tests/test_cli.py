"""The command line: what it prints, writes and refuses, with a bundle that calls flashes abnormal."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
from typer.testing import CliRunner

from tests.flashes import FlashBundle, video
from tests.servers.running import Receiver, free_port, needs_rtsp, rtsp, wait_for
from vad import cli
from vad.pipeline.errors import UserError

RUN = CliRunner()
OWN = ("--bundle", "somewhere", "--scene", "01", "--merge-seconds", "0.5")
# A process of its own whose bundles are the tests' own.
FAKE = "from tests.flashes import FlashBundle; from vad import cli; cli.load = lambda folder: FlashBundle(); cli.app()"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return video(tmp_path_factory.mktemp("video") / "yard.mp4", 6, [(1, 2), (4, 5)])


@pytest.fixture(autouse=True)
def _bundle(monkeypatch):
    monkeypatch.setattr(cli, "load", lambda folder: FlashBundle())


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_score_prints_and_writes_scores_and_alarms(clip, tmp_path, caplog):
    out = tmp_path / "out"
    result = RUN.invoke(cli.app, ["score", str(clip), *OWN, "--out", str(out), "--annotated", "--clips"])
    assert result.exit_code == 0, result.output
    printed = lines(result.stdout)
    assert len([line for line in printed if "score" in line]) == 150
    assert [line["alarm"]["type"] for line in printed if "alarm" in line] == ["new", "end", "new", "end"]
    with open(out / "scores.csv") as file:
        assert len(list(csv.DictReader(file))) == 300
    with open(out / "alarms.csv") as file:
        alarms = list(csv.DictReader(file))
    assert [float(alarm["start"]) for alarm in alarms] == [1.0, 4.0]
    kept = sorted(str(path.relative_to(out)) for path in out.rglob("*.*"))
    assert kept == [
        "alarms.csv", "clips/yard-1000.mp4", "clips/yard-4000.mp4", "scores.csv",
        "thumbnails/yard-1000.jpg", "thumbnails/yard-4000.jpg", "yard.mp4",
    ]  # fmt: skip
    assert "yard: 150 frames, 2 alarms" in caplog.text


def test_thresholds_and_rules_come_from_the_flags(clip):
    few = RUN.invoke(cli.app, ["score", str(clip), *OWN, "--threshold", "0.9999", "--print", "alarms"])
    assert lines(few.stdout) == []
    long = RUN.invoke(cli.app, ["score", str(clip), *OWN, "--merge-seconds", "9", "--print", "alarms"])
    assert [line["alarm"]["type"] for line in lines(long.stdout)] == ["new", "end"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["score", "nothing.mp4"], "check the spelling"),
        (["score", "rtsp://host/a"], "watch it with 'vad watch'"),
        (["score", "{clip}", "--clips"], "add --out FOLDER"),
        (["score", "{clip}", "--detector", "padim"], "choose from brightness, fusion"),
        (["score", "{clip}", "--threshold", "2"], "threshold = 2.0"),
        (["score", "{clip}", "--webhook", "http://h", "--webhook-header", "x"], "should read 'Name: value'"),
        (["watch"], "name a camera to watch"),
        (["watch", "{clip}"], "play it as live: --realtime"),
        (["watch", "a=1", "a=2"], "two sources are named 'a'"),
        (["watch", "1", "--mqtt", "host"], "mqtt://host:1883/prefix"),
        (["watch", "1", "--metrics", "x:y"], "PORT or HOST:PORT"),
        (["watch", "1", "--metrics", "99999"], "choose another port"),
        (["score", "{clip}", "--webhook", "host/path"], "should read http://host:port/path"),
        (["watch", "--cameras", "nothing.yaml"], "nothing.yaml is missing"),
    ],
)
def test_a_mistake_is_one_line(clip, arguments, said):
    result = RUN.invoke(cli.app, [text.format(clip=clip) for text in arguments] + ["--bundle", "b", "--scene", "01"])
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_wrong_bundle_leaves_the_tables_of_the_run_before(clip, tmp_path, monkeypatch):
    def refuse(folder):
        raise UserError(f"{folder} is no bundle")

    (tmp_path / "alarms.csv").write_text("kept")
    monkeypatch.setattr(cli, "load", refuse)
    for command in (["score", str(clip)], ["watch", "0"]):
        assert RUN.invoke(cli.app, [*command, *OWN, "--out", str(tmp_path)]).exit_code == 1
    assert (tmp_path / "alarms.csv").read_text() == "kept"


def test_a_file_watched_as_live_takes_its_time_and_ends(clip):
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", FAKE, "watch", str(clip), *OWN, "--realtime"], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert time.monotonic() - started > 5
    assert [line["alarm"]["type"] for line in lines(result.stdout)] == ["new", "end", "new", "end"]
    assert "Traceback" not in result.stderr


@needs_rtsp
def test_watch_a_stream_until_it_is_asked_to_end(clip, tmp_path):
    port = free_port()
    with rtsp(clip, free_port()) as address, Receiver() as receiver:
        command = ["watch", f"gate={address}", *OWN, "--out", str(tmp_path), "--webhook", receiver.url,
                   "--metrics", str(port)]  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-c", FAKE, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            wait_for(lambda: len(receiver.received) >= 2, 30)
            figures = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
            os.kill(process.pid, signal.SIGTERM)
            printed, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0, said
    assert lines(printed)[0]["alarm"]["after"]["camera"] == "gate"
    assert 'vad_camera_up{camera="gate"} 1.0' in figures
    assert receiver.received[0][2]["after"]["id"] == lines(printed)[0]["alarm"]["after"]["id"]
    assert "Traceback" not in said


def test_help_needs_nothing_heavy():
    heavy = "{'torch', 'cv2', 'av', 'paho', 'pandas', 'scipy'}"
    code = f"import sys; from vad import cli; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stdout.strip() == "[]"
