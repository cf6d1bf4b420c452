"""Artifacts: whole or not at all, and the same bytes for the same content."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from vad.pipeline import artifacts, scratch
from vad.pipeline.errors import UserError


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
        artifacts.save_arrays(folder / "a.npz", dict(sorted(state.items())))
        artifacts.save_state(folder / "s", {"all": state}, {"n": 1})
        state = dict(reversed(state.items()))  # the order of insertion must not show in a state
    files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()]
    assert len(files) == 5
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


KINDS = ["t.parquet", "a.npz", "m", "t.csv", "j.json"]


def save(path):
    """An artifact of each kind, named by its suffix."""
    rng = np.random.default_rng(0)
    if path.suffix in (".parquet", ".csv"):
        table = pd.DataFrame({"clip": ["a", "b"] * 50, "frame": np.arange(100), "score": rng.normal(size=100)})
        artifacts.save_table(path, table)
    elif path.suffix == ".npz":
        artifacts.save_arrays(path, {"maps": rng.normal(size=(4, 5, 6)).astype(np.float16), "frames": np.arange(4)})
    elif path.suffix == ".json":
        artifacts.save_json(path, {"roc_auc": 0.75, "clips": 12})
    else:
        artifacts.save_state(path, {"all": {"w": rng.normal(size=(8, 8)), "b": np.arange(8)}}, {"frames": 3})
    return path / "all.safetensors" if path.suffix == "" else path


def load(path):
    if path.suffix in (".parquet", ".csv"):
        return artifacts.load_table(path).to_dict("list")
    if path.suffix == ".json":
        return artifacts.load_json(path)
    read = artifacts.load_arrays if path.suffix == ".npz" else lambda file: artifacts.load_state(file.parent)[0]["all"]
    return {name: array.tolist() for name, array in read(path).items()}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path("data")


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_noticed_or_changes_nothing(project, kind):
    file = save(project / kind)
    before, content = load(file), file.read_bytes()
    rng = np.random.default_rng(1)
    noticed, lines = 0, set()
    for place in rng.integers(0, 8 * len(content), 60):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        try:
            assert load(file) == before
        except UserError as error:
            noticed += 1
            lines.add(str(error))
    assert noticed > 50
    assert all("is damaged" in line and "delete it" in line and "\n" not in line for line in lines)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [0, 1, 0.5, -1])
def test_what_was_cut_short_is_one_line(project, kind, length):
    file = save(project / kind)
    content = file.read_bytes()
    file.write_bytes(content[: int(length * len(content)) if isinstance(length, float) else length])
    with pytest.raises(UserError, match=f"{file} is damaged") as caught:
        load(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_other_content_is_one_line(project, kind):
    file = save(project / kind)
    for content in (b"\0" * 100, b"[1]", b"PK\x03\x04", b"{" * 2000, np.random.default_rng(0).bytes(500)):
        file.write_bytes(content)
        with pytest.raises(UserError, match="is damaged"):
            load(file)


def test_what_is_missing_says_how_it_is_made(project):
    for kind in ("t.parquet", "a.npz", "t.csv", "j.json"):
        with pytest.raises(UserError, match=f"data/{kind} is missing: run 'dvc repro'"):
            load(project / kind)


def test_other_programs_read_what_carries_a_checksum(project):
    assert pd.read_parquet(save(project / "t.parquet")).shape == (100, 3)
    assert np.load(save(project / "a.npz"))["maps"].shape == (4, 5, 6)
    assert load_file(save(project / "m"))["w"].shape == (8, 8)


def test_a_full_disk_is_told_by_the_file_system(tmp_path, monkeypatch):
    def fill(path, left):
        monkeypatch.setattr(scratch.os, "statvfs", lambda _: SimpleNamespace(
            f_bfree=left, f_bavail=left, f_frsize=4096, f_files=9, f_favail=9
        ))  # fmt: skip
        with artifacts.replacing(path):
            raise RuntimeError("unexpected pos 64 vs 0")

    with pytest.raises(UserError, match=r"the disk is full while writing .*a\.json: free some space"):
        fill(tmp_path / "a.json", 3)
    with pytest.raises(RuntimeError):
        fill(tmp_path / "a.json", 30000)


def test_text_from_dvc_or_git_is_known_by_the_lock(project, monkeypatch):
    save(project / "j.json")
    restored = b'{"roc_auc": 0.5}'
    (project / "j.json").write_bytes(restored)
    with pytest.raises(UserError, match=r"neither what was written nor what dvc.lock has"):
        load(project / "j.json")
    digest = hashlib.md5(restored).hexdigest()
    Path("dvc.lock").write_text(f"stages: {{rank: {{outs: [{{path: data/j.json, md5: {digest}}}]}}}}")
    assert load(project / "j.json") == {"roc_auc": 0.5}


def test_another_revisions_text_passes_unless_dvc_runs_the_stage(project, monkeypatch):
    project.mkdir()
    (project / "j.json").write_text('{"a": 1}')
    Path("dvc.lock").write_text("stages: {rank: {outs: [{path: data/j.json, md5: 0123}]}}")
    monkeypatch.delenv("DVC_STAGE", raising=False)
    assert load(project / "j.json") == {"a": 1}
    monkeypatch.setenv("DVC_STAGE", "rank")
    with pytest.raises(UserError, match="is damaged"):
        load(project / "j.json")
