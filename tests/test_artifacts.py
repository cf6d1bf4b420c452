"""Artifacts: whole or not at all, and the same bytes for the same content."""

import os
import subprocess

import numpy as np
import pandas as pd
import pytest

from vad.pipeline import artifacts


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    artifacts.save_json(path, {"a": 1})
    before = path.read_bytes()

    def fail_halfway():
        with artifacts.replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_what_a_killed_process_left_is_swept(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    for pid in (dead.pid, os.getpid()):
        (tmp_path / f".writing-{pid}-x").mkdir()
    artifacts.save_json(tmp_path / "a.json", {})
    assert {p.name for p in tmp_path.iterdir()} == {"a.json", f".writing-{os.getpid()}-x"}


def test_a_folder_is_replaced_whole(tmp_path):
    for content in ("old", "new"):
        with artifacts.replacing(tmp_path / "d") as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["new"]


def test_same_content_same_bytes(tmp_path):
    table = pd.DataFrame({"clip": ["a", "b"], "x": [0.1, 0.2]})
    state = {"b": np.arange(4.0), "a": np.eye(2, dtype=np.float32)}
    for name in ("one", "two"):
        folder = tmp_path / name
        artifacts.save_table(folder / "t.parquet", table)
        artifacts.save_table(folder / "t.csv", table)
        artifacts.save_arrays(folder / "a.npz", state)
        artifacts.save_state(folder / "s", {"all": state}, {"n": 1})
        state = dict(reversed(state.items()))  # the order of insertion must not show in a state
    files = [
        p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file() and p.suffix != ".npz"
    ]
    assert len(files) == 4
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_state_comes_back_as_it_was(tmp_path):
    state = {"0": {"w": np.arange(6, dtype=np.float32).reshape(2, 3).T, "rate": np.float64(2.5)}}
    artifacts.save_state(tmp_path / "m", state, {"frames": np.int64(3)})
    states, meta, _ = artifacts.load_state(tmp_path / "m")
    np.testing.assert_array_equal(states["0"]["w"], state["0"]["w"])
    assert float(states["0"]["rate"]) == 2.5  # scalars stay scalars
    assert meta == {"frames": 3}


def test_json_has_no_nan_and_short_floats(tmp_path):
    artifacts.save_json(tmp_path / "a.json", {"x": float("nan"), "y": np.float32(1 / 3), "n": {"k": np.bool_(True)}})
    assert (tmp_path / "a.json").read_text() == '{\n  "x": null,\n  "y": 0.333333,\n  "n": {\n    "k": true\n  }\n}\n'
