"""Growth with the data: the exponents, the stages that are run, and the sizes they are run on."""

from pathlib import Path

import numpy as np
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


def test_the_stages_are_those_of_dvc_yaml_in_order():
    found = {step.name: step.command for step in scale.steps(ROOT / "dvc.yaml")}
    assert found["fit@gradcam"] == ("stages.reference_cams",)
    assert found["score@padim"] == ("stages.score", "padim")
    names = list(found)
    assert names.index("simulate") < names.index("fit@padim") < names.index("score@padim") < names.index("fuse")


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
        "code = 'x = bytearray(120 << 20); sum(range(4_000_000))'\n"
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
