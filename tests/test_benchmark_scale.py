"""Growth with the data: the exponents, the stages that are run, and the sizes they are run on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages import benchmark_scale
from vad.benchmark import scale
from vad.pipeline import params
from vad.pipeline.errors import UserError

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_is_that_of_the_growth_whatever_starting_costs(power):
    frames = [100, 400, 1600]
    for start in (0.0, 1000.0):
        assert scale.exponent(frames, [start + 0.01 * count**power for count in frames]) == pytest.approx(power)


def test_what_does_not_grow_has_no_exponent():
    flat = scale.Growth("fit", [100, 400, 1600], [9, 9, 9], [3.0, 3.1, 3.2], [500, 501, 500])
    assert flat.time_exponent is None
    assert abs(flat.memory_exponent) < 0.01
    assert flat.met


def test_what_grows_too_fast_misses_its_bar():
    frames = [100, 400, 1600]
    slow = scale.Growth("slow", frames, [1, 1, 1], [1.0, 16.0, 256.0], [100, 100, 100])
    large = scale.Growth("large", frames, [1, 1, 1], [1.0, 1.0, 1.0], [100, 150, 225])
    assert slow.time_exponent == pytest.approx(2)
    assert large.memory_exponent == pytest.approx(np.log(1.5) / np.log(4))
    assert not slow.met
    assert not large.met
    assert large.per_thousand[1] == pytest.approx(75 / 1.2)


def test_starting_is_what_remains_without_frames():
    frames = [100, 400, 1600]
    fit = scale.Growth("fit", frames, [1, 1, 1], [4.0, 7.0, 19.0], [100, 100, 100])  # 3 s + 1 s per 100 frames
    falling = scale.Growth("rank", frames, [1, 1, 1], [1.0, 9.0, 9.0], [100, 100, 100])
    assert fit.starting == pytest.approx(3)
    assert falling.starting == 0
    assert scale.started([fit, falling]) == (
        "What does not grow with the data (starting 2 stages, fits on bounded samples): 3 CPU seconds together."
    )


def test_sizes_change_the_data_set_alone_and_every_setting_is_one_of_params_yaml():
    values = params.read_file(ROOT / "params.yaml")
    once, many = scale.sized(values, 1), scale.sized(values, 16)
    assert many["simulate"]["test_clips"] == 16 * once["simulate"]["test_clips"]
    assert many | {"simulate": None} == once | {"simulate": None}
    assert once.keys() == values.keys()
    for section, own in scale.FIXED.items():
        assert own.keys() <= values[section].keys(), section


def test_a_process_is_measured_with_its_children_and_a_failure_is_one_line(tmp_path):
    (tmp_path / "hold.py").write_text(
        "import subprocess, sys\n"
        "held = bytearray(120 << 20)\n"
        "code = 'x = bytearray(120 << 20); sum(range(20_000_000))'\n"
        "subprocess.run([sys.executable, '-c', code]) if sys.argv[1:] else sys.exit('no reason')\n"
    )
    _, cpu, peak = scale.run(["hold", "children"], tmp_path, tmp_path)
    assert peak > 240
    assert cpu > 0.02
    with pytest.raises(UserError, match="hold failed: no reason"):
        scale.run(["hold"], tmp_path, tmp_path)


@pytest.mark.parametrize("times", [("1", "4", "8"), ("4", "2", "1"), ("0", "0", "0")])
def test_sizes_that_tell_no_exponent_are_refused(times, monkeypatch):
    monkeypatch.setattr("sys.argv", ["benchmark_scale", "--times", *times])
    with pytest.raises(UserError, match="each the same factor larger"):
        benchmark_scale.main()


def test_a_stage_that_is_run_again_has_the_least_of_its_runs_and_its_row_anew(tmp_path, monkeypatch):
    costs = iter([(9, 4, 110), (9, 3, 100), (9, 6, 100), (9, 7, 100), (9, 18, 90), (9, 20, 110)])
    ran = []

    def run(command, folder, root, settings):
        ran.append((folder.name, *command, settings["VAD_CACHE_GIB"]))
        return next(costs)

    monkeypatch.setattr(scale, "run", run)
    for size, frames in ((1, 100), (4, 400), (16, 1600)):
        (tmp_path / f"kept/{size}x-0/data").mkdir(parents=True)
        pd.DataFrame({"clip": ["a"] * frames}).to_parquet(tmp_path / f"kept/{size}x-0/data/frames.parquet")
    (tmp_path / "f.json").write_text('{"rows": {"fuse": {"met": true}, "rank": {"met": false}}}')
    command = ["--again", "rank", "--folder", str(tmp_path / "kept"), "--runs", "2", "--json", str(tmp_path / "f.json")]
    monkeypatch.setattr("sys.argv", ["benchmark_scale", *command])
    monkeypatch.chdir(ROOT)
    benchmark_scale.main()
    rows = json.loads((tmp_path / "f.json").read_text())["rows"]
    assert rows["fuse"] == {"met": True}
    assert (rows["rank"]["cpu"], rows["rank"]["peak_mib"]) == ([3.0, 6.0, 18.0], [105.0, 100.0, 100.0])
    assert rows["rank"]["time_exponent"] == pytest.approx(1.0)  # 2 s and 1 s per 100 frames
    assert ran == [(f"{size}x-0", "stages.rank", "0") for size in (1, 4, 16) for _ in range(2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--again", "rank"], "--again: give the --folder"),
        (["--again", "rnk", "--folder", "kept"], "there is no stage 'rnk'; choose from simulate"),
        (["--again", "rank", "--folder", "nowhere"], "1x-0 is missing: give the folder of an earlier run"),
        (["--again", "rank", "--folder", "kept", "--runs", "0"], "--runs: at least 1"),
    ],
)
def test_what_cannot_be_run_again_is_one_line(options, message, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["benchmark_scale", *options])
    with pytest.raises(UserError, match=message):
        benchmark_scale.main()
