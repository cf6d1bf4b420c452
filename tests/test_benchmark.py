import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

from stages import benchmark as script
from tests import example_run, moving_squares, test_tracks
from vad.benchmark import footage, memory, speeds, work
from vad.benchmark.speeds import BARE, Row
from vad.benchmark.table import Bar
from vad.benchmark.work import Bench
from vad.data.frames import FrameStore
from vad.features import encoders
from vad.pipeline import stage
from vad.pipeline.errors import UserError

SMALLER = {
    "backbone": {"image_size": 64},
    "encoder": {"image_size": 64},
    "padim": {"grid": 8, "n_features": 20},
    "stae": {"widths": [2, 2, 2, 2], "step_seconds": 0.04},
    "tracks": {"components": 2, "boxes": 400, "scene_boxes": 200},
}


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A folder with the project's params.yaml, made smaller, and as current directory."""
    values = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())
    for section, changed in SMALLER.items():
        values[section] |= changed
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAD_DEVICE", "cpu")
    return tmp_path


@pytest.fixture
def store(project) -> FrameStore:
    """Two training clips of 80 frames of 160 x 120 and a test clip; no tracks."""
    example_run.build(project, ["motion"], test_clips=1, extras=False)
    return FrameStore(project / "data")


class Encoder:
    name, dim = "toy", 2

    def encode_images(self, batch: np.ndarray) -> np.ndarray:
        return np.ones((len(batch), 2), np.float32)


def tracks_alone(store: FrameStore) -> None:
    """Take the store's frames away and give its clips person tracks."""
    shutil.rmtree(store.folder / "frames")
    random = np.random.default_rng(0)
    walks = [
        pd.concat([test_tracks.walk(random, track=track, frames=80) for track in range(5)]).assign(clip=clip)
        for clip in store.manifest["clip"]
    ]
    pd.concat(walks).to_parquet(store.folder / "tracks.parquet")


def files(store: FrameStore) -> list[Path]:
    """What the store holds, without what is being written and the sums of what was."""
    return [path for path in sorted(store.folder.rglob("*")) if ".tmp" not in path.parts]


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    stage.run(script.main, alone=False)


# ---- speeds --------------------------------------------------------------------------------------------------------


def test_ratios_are_to_the_bare_backbone(monkeypatch, store, tmp_path):
    def fails(bench):
        raise UserError("no network")

    rows = [
        Row(BARE.name, None, lambda bench: None),
        Row("slow", None, lambda bench: None, bar=Bar(">=", 0.6, "ratio")),
        Row("plain", None, lambda bench: None, compared=False),
        Row("broken", None, fails),
    ]
    seconds = {BARE.name: 2.0, "slow": 4.0, "plain": 1.0}
    monkeypatch.setattr(speeds, "rows", lambda: rows)
    monkeypatch.setattr(speeds, "best_seconds", lambda timed: {name: seconds[name] for name in timed})
    bench = Bench(footage.first(store.clips("train"), 100), tmp_path)
    bare, slow, plain, broken = speeds.speeds(bench, store)
    assert (bare.value, bare.ratio) == (50.0, 1.0)
    assert (slow.value, slow.ratio, slow.met) == (25.0, 0.5, False)
    assert (plain.value, plain.ratio) == (100.0, None)
    assert (broken.value, broken.remark) == (None, "absent: no network")


def test_rounds_are_interleaved_and_the_best_one_counts(monkeypatch):
    now, order = 0.0, []

    def work(name: str, seconds: list[float]):
        taken = iter(seconds)

        def run() -> None:
            nonlocal now
            order.append(name)
            now += next(taken)

        return run

    monkeypatch.setattr(speeds.time, "perf_counter", lambda: now)
    timed = {"a": work("a", [0.5, 3.0, 2.0, 4.0]), "b": work("b", [7.0, 9.0, 8.0])}
    assert speeds.best_seconds(timed, 3) == {"a": 2.0, "b": 7.0}
    assert "".join(order) == "a" + "ab" * 3


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_every_row_is_measured_and_leaves_the_store_alone(monkeypatch, capsys, store):
    before = files(store)
    monkeypatch.setattr(speeds.best_seconds, "__defaults__", (1,))
    monkeypatch.setattr(work, "SMALL", (160, 120))
    monkeypatch.setattr(encoders, "load", lambda settings: Encoder())
    monkeypatch.setattr(memory, "MANY", 100)
    monkeypatch.setattr(script, "peak", lambda folder, frames: 100.0 + frames)
    run(monkeypatch, "--frames", "40", "--json", "out.json")
    written = json.loads(Path("out.json").read_text())
    assert "40 frames of 160x120" in written["measured"]
    rows = written["rows"]
    assert [name for name, row in rows.items() if row["figure"] is None] == ["tracks fit and score"]
    assert rows["tracks fit and score"]["remark"] == "absent: the data set has no person tracks"
    judged = {name for name, row in rows.items() if row["bar"]}
    assert judged == {
        "padim fit", "padim score", "embed", "gradcam score", "motion score", "stae score",
        "padim fit peak, 100 frames",
    }  # fmt: skip
    assert all(isinstance(rows[name]["met"], bool) for name in judged)
    assert rows["embed"]["ratio"] == pytest.approx(
        rows["embed"]["figure"] / rows["bare backbone forward"]["figure"], rel=1e-4
    )
    assert "padim score" in capsys.readouterr().out
    assert files(store) == before


def test_an_encoder_that_looks_through_another_network_is_not_judged(project):
    values = yaml.safe_load(Path("params.yaml").read_text())
    values["encoder"]["crops"] = 5
    Path("params.yaml").write_text(yaml.safe_dump(values))
    (row,) = [row for row in speeds.rows() if row.name == "embed"]
    assert row.bar is None
    assert "not judged" in row.remark


# ---- frames --------------------------------------------------------------------------------------------------------


def test_first_frames_cut_the_last_clip(store):
    clips = footage.first(store.clips("train"), 100)
    assert [len(clip.frames) for clip in clips] == [80, 20]
    assert sum(len(clip.frames) for clip in footage.first(store.clips("train"), 1000)) == 160


@pytest.mark.parametrize("frames", [1, 7, 159, 160])
def test_even_frames_are_as_many_as_wanted(store, frames):
    clips = footage.evenly(store.clips("train"), frames)
    assert sum(len(clip.frames) for clip in clips) == frames
    assert len({clip.scene for clip in clips}) == min(frames, 2)


def test_resized_clips_hold_the_chosen_frames_alone(tmp_path):
    clip = moving_squares.clip(tmp_path / "store", "a", 2.0).only(range(5, 9))
    (small,) = footage.resized([clip], (80, 60), tmp_path / "small")
    assert small.size == (80, 60)
    assert small.stored.tolist() == small.frames.tolist() == [5, 6, 7, 8]
    expected = cv2.resize(clip.read(7), (80, 60), interpolation=cv2.INTER_AREA)
    assert np.abs(small.read(7).astype(int) - expected).mean() < 3
    assert small.path.parents[1] == tmp_path / "small"


# ---- memory --------------------------------------------------------------------------------------------------------


def test_memory_is_judged_by_many_frames_over_few(store, monkeypatch):
    monkeypatch.setattr(memory, "FEW", 40)
    monkeypatch.setattr(memory, "MANY", 160)
    clips = footage.training(store)
    few, many = memory.figures(store, clips, {40: 100.0, 160: 130.0}.get)
    assert (few.value, many.value, many.ratio, many.met) == (100.0, 130.0, 1.3, False)
    assert "2 scenes" in many.remark


def test_memory_needs_enough_frames(store):
    clips = footage.training(store)
    (row,) = memory.figures(store, clips, lambda frames: pytest.fail("nothing is to be measured"))
    assert row.value is None
    assert "2000 training frames, and there are 160" in row.remark


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; print('progress', file=sys.stderr); sys.exit('no weights')", "^no weights$"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9, most likely for want of memory"),
    ],
)
def test_a_process_that_fails_says_why_in_a_line(code, message):
    with pytest.raises(UserError, match=message):
        memory.of_process([sys.executable, "-c", code])


def test_the_peak_stays_when_the_memory_is_given_back():
    code = "import numpy; from vad.benchmark.memory import own_peak; before = own_peak(); "
    code += "numpy.ones(300 << 17); print(own_peak() - before)"  # 300 MiB
    assert memory.of_process([sys.executable, "-c", code]) == pytest.approx(300, abs=30)


def test_the_fresh_process_prints_its_peak_and_leaves_no_record(monkeypatch, capsys, store):
    run(monkeypatch, "--peak-of-fit", "40")
    assert float(capsys.readouterr().out.split()[-1]) > 50
    assert not (store.folder / "timings").exists()


# ---- stores --------------------------------------------------------------------------------------------------------


def test_a_store_of_tracks_alone_gives_the_tracks_row(monkeypatch, capsys, store):
    tracks_alone(store)
    run(monkeypatch, "--json", "out.json")
    _, header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "figure"
    assert [line[:20] for line in lines] == ["tracks fit and score"]
    (row,) = json.loads(Path("out.json").read_text())["rows"].values()
    assert row["figure"] > 0
    assert "1,200 boxes" in row["remark"]


@pytest.mark.parametrize(
    ("gone", "arguments", "line"),
    [
        ("frames", [], "benchmark: data holds no training frames and no person tracks"),
        ("manifest.csv", [], "benchmark: data is no frame store: run 'dvc repro extract_frames'"),
        ("masks", ["--frames", "0"], "benchmark: --frames 0: at least one frame is needed"),
    ],
)
def test_a_store_without_frames_is_one_line(monkeypatch, capsys, store, gone, arguments, line):
    path = store.folder / gone
    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *arguments)
    assert caught.value.code == 1
    message = capsys.readouterr().err.strip()
    assert message.startswith(line)
    assert "\n" not in message
