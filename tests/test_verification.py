"""``make verify`` finds every file that is not what DVC recorded, in workspace and cache, and nothing else."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stages import verify
from vad.pipeline import verification
from vad.pipeline.errors import UserError

ROOT = Path(__file__).parents[1]


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def keep(content: bytes, suffix: str = "") -> Path:
    """Put an object into the cache."""
    digest = md5(content)
    path = Path("cache/files/md5") / digest[:2] / f"{digest[2:]}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of two outputs, a file and a folder, hard-linked to the cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verify, "cache_folder", lambda: Path("cache"))
    monkeypatch.setattr("sys.argv", ["verify"])
    Path("data/maps").mkdir(parents=True)
    os.link(keep(b"fused"), "data/fused.parquet")
    os.link(keep(b"one"), "data/maps/01.npz")
    os.link(keep(b"two"), "data/maps/02.npz")
    listing = [{"md5": md5(c), "relpath": n} for n, c in (("01.npz", b"one"), ("02.npz", b"two"))]
    content = json.dumps(listing, sort_keys=True).encode()
    keep(content, ".dir")
    outs = [{"path": "data/fused.parquet", "md5": md5(b"fused")}, {"path": "data/maps", "md5": md5(content) + ".dir"}]
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": {"fuse": {"outs": outs}}}))


def found() -> list[str]:
    return [str(p) for p in (*verification.of_workspace(Path("cache")), *verify.damaged(Path("cache")))]


def test_a_sound_run_has_no_problem(run, caplog):
    with caplog.at_level("INFO"):
        verify.main()
    assert "everything is as it was made" in caplog.text


def test_what_is_not_there_at_all_is_no_problem(run):
    Path("data/fused.parquet").unlink()
    assert found() == []


def test_what_dvc_lock_keeps_of_stages_that_are_no_more_is_passed_over(run):
    locked = yaml.safe_load(Path("dvc.lock").read_text())
    locked["stages"]["merge"] = {"outs": [{"path": "data/fused.parquet", "md5": md5(b"of an earlier revision")}]}
    Path("dvc.lock").write_text(yaml.safe_dump(locked))
    assert found() == ["data/fused.parquet is damaged"]
    Path("dvc.yaml").write_text("stages: {fuse: {cmd: python -m stages.fuse}}")
    os.utime("dvc.lock", ns=(0, 0))  # read anew
    assert found() == []


def test_a_damaged_hard_link_is_found_on_both_sides_and_mended(run, monkeypatch):
    with open("data/maps/01.npz", "r+b") as file:
        file.write(b"e")
    assert found() == ["data/maps/01.npz is damaged", f"{keep_path(b'one')} is damaged"]
    with pytest.raises(UserError, match="2 files are not what was made"):
        verify.main()
    monkeypatch.setattr("sys.argv", ["verify", "--mend"])
    verify.main()
    assert not Path("data/maps/01.npz").exists()
    assert not keep_path(b"one").exists()
    assert keep_path(b"two").exists()


@pytest.mark.parametrize("left", ["", '{"write": {"data/fr'])
def test_a_lock_that_a_killed_dvc_left_half_written_is_mended(run, monkeypatch, left):
    lock = Path(".dvc/tmp/rwlock")
    lock.parent.mkdir(parents=True)
    lock.write_text(left)
    with pytest.raises(UserError, match="1 files are not what was made"):
        verify.main()
    assert lock.exists()
    monkeypatch.setattr("sys.argv", ["verify", "--mend"])
    verify.main()
    assert not lock.exists()


def test_a_lock_that_is_written_at_this_moment_is_left_alone(tmp_path, monkeypatch):
    lock = tmp_path / "rwlock"
    lock.write_text("")
    monkeypatch.setattr(verification.time, "sleep", lambda _: lock.write_text('{"write": {}, "read": {}}'))
    assert list(verification.of_locks(tmp_path)) == []


def keep_path(content: bytes) -> Path:
    return Path("cache/files/md5") / md5(content)[:2] / md5(content)[2:]


def test_missing_and_unknown_files_of_a_folder_are_named(run):
    Path("data/maps/02.npz").unlink()
    Path("data/maps/.writing-1-x").touch()
    assert found() == ["data/maps/.writing-1-x is unknown", "data/maps/02.npz is missing"]


def test_a_damaged_list_of_a_folder_is_found(run):
    listing = next(Path("cache").rglob("*.dir"))
    listing.write_bytes(listing.read_bytes()[:-1])
    assert found() == [f"{listing} is damaged"]
    Path("data/maps/01.npz").unlink()
    assert found()[0] == "data/maps is damaged"


def test_what_a_run_makes_is_one_file_with_its_copy_in_the_cache(tmp_path):
    """By the repository's own configuration of DVC; where the file system has hard links."""
    shutil.copytree(ROOT / ".dvc", tmp_path / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))
    stage = {
        "cmd": "mkdir -p data/frames && echo 1 > data/frames/a && echo 2 > data/b",
        "outs": ["data/frames", "data/b"],
    }
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"make": stage}}))
    command = "from dvc.cli import main; main(['config', '-q', 'core.no_scm', 'true']); exit(main(['repro', '-q']))"
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True)
    assert [os.stat(tmp_path / name).st_nlink for name in ("data/frames/a", "data/b")] == [2, 2]
