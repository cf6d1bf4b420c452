"""Clips on three nodes of a real scheduler: the bytes of one process, whatever dies."""

import contextlib
import hashlib
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from threadpoolctl import threadpool_limits

from stages import fit_motion, score
from tests import example_run, nodes
from tests.test_decoding import write_video
from vad.benchmark.fanout import Nothing
from vad.data import extraction, layouts
from vad.data.packing import Params
from vad.pipeline import cluster, source, stage
from vad.pipeline.batch import Batch
from vad.pipeline.errors import UserError
from vad.pipeline.executor import map_clips

pytest.importorskip("distributed", reason="needs the extra cluster")

TESTS = 16
VALUES = {
    "seed": 0,
    "protocol": "clean",
    "detectors": {"motion": True},
    "motion": {"height": 120, "window": 0.5, "max_fit_frames": 100, "shrinkage": 30},
}


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A scheduler with three nodes that have nothing of the project in their own folders."""
    with nodes.cluster(tmp_path_factory.mktemp("cluster"), 3) as started:
        yield started
        cluster.disconnect(started.address)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    """A project's folder with its code, some clips and a fitted detector."""
    root = tmp_path_factory.mktemp("project") / "project"
    example_run.build(root, ["motion"], test_clips=TESTS, frames=60)
    shutil.rmtree(root / "data/maps")
    (root / "params.yaml").write_text(yaml.safe_dump(VALUES))
    for name in source.OWN:
        (root / name).symlink_to(source.ROOT / name)
    index = pd.read_parquet(root / "data/frames.parquet")
    roles = {"01_001": "fit_all", "02_002": "calibration"}
    sample = index.assign(role=index["clip"].map(roles).fillna("test"), fold=0)
    sample[["clip", "frame", "label", "role", "fold"]].to_parquet(root / "data/sample.parquet")
    before = Path.cwd()
    os.chdir(root)
    try:
        fit_motion.main()
    finally:
        os.chdir(before)
    return root


@pytest.fixture
def project(fitted, tmp_path, monkeypatch) -> Path:
    root = tmp_path / "project"
    shutil.copytree(fitted, root, symlinks=True)
    monkeypatch.chdir(root)
    return root


def digests(*folders: str) -> dict[str, str]:
    files = sorted(path for folder in folders for path in Path(folder).rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def scored() -> dict[str, str]:
    assert score.main("motion")["frames"] == TESTS * 60
    found = digests("data/maps", "data/scores")
    assert len(found) == TESTS + 1
    shutil.rmtree("data/maps")
    shutil.rmtree("data/scores")
    return found


def test_scores_are_the_same_bytes_also_where_a_node_is_killed_in_the_middle(project, three, monkeypatch):
    alone = scored()
    monkeypatch.setenv("VAD_SCHEDULER", three.address)
    assert scored() == alone
    three.add()
    dead = three.nodes.pop(0)

    def kill() -> None:
        done = 0
        while done < 3:
            time.sleep(0.01)
            with contextlib.suppress(OSError):  # a folder that went while it was looked through
                done = len(list(Path("data/.tmp").glob("*/motion/*.npz")))
        nodes.kill(dead)
        middle.append(done)

    middle: list[int] = []
    watcher = threading.Thread(target=kill, daemon=True)
    watcher.start()
    assert scored() == alone
    watcher.join()
    assert 3 <= middle[0] < TESTS
    assert "Remove worker" in three.log("scheduler")


def test_a_clip_that_fails_is_named_and_the_others_are_kept(project, three, monkeypatch):
    # Whatever ran before in this process: as many threads as where nothing set them, as on a node.
    threads = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    threadpool_limits(threads, user_api="blas")
    monkeypatch.setenv("VAD_SCHEDULER", three.address)
    monkeypatch.setattr(stage, "running", "score")
    container = Path("data/frames/01_0003.zip")
    whole = container.read_bytes()
    container.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"^data/frames/01_0003.zip is damaged|^clip 01_0003: .* is damaged"):
        score.main("motion")
    entries = set(Path("data/.cache").glob("??/*"))
    assert len(entries) == TESTS - 1
    container.write_bytes(whole)
    monkeypatch.delenv("VAD_SCHEDULER")  # what a node made is as good here
    times = {entry: (entry / "sums.json").stat().st_mtime_ns for entry in entries}
    scored()
    assert {entry: (entry / "sums.json").stat().st_mtime_ns for entry in entries} == times
    assert len(set(Path("data/.cache").glob("??/*")) - entries) == 1


def test_frames_are_the_same_bytes(project, three, monkeypatch):
    for name in ("train/a.mp4", "train/b.avi", "test/c.avi", "test/d.mp4"):
        Path("raw", name).parent.mkdir(parents=True, exist_ok=True)
        write_video(Path("raw", name), "MJPG" if name.endswith("avi") else "mp4v", 8)
    Path("raw/labels.csv").write_text("clip,start,end\nc,2,3\n")
    data = layouts.Params(root="raw", layout="auto", fps=None, size=None)
    settings = Params(short_side=32, stride=1, jpeg_quality=90, turn_back=True)
    monkeypatch.setenv("VAD_WORKERS", "1")
    extraction.extract(data, settings, Path("one"))
    monkeypatch.setenv("VAD_SCHEDULER", three.address)
    extraction.extract(data, settings, Path("many"))
    assert {name.replace("many", "one"): digest for name, digest in digests("many").items()} == digests("one")


def test_a_scheduler_that_goes_away_is_one_line(project, tmp_path, monkeypatch, capfd):
    with nodes.cluster(tmp_path / "cluster", 1) as own:
        monkeypatch.setenv("VAD_SCHEDULER", own.address)
        assert map_clips(Nothing(), ["a", "b"], desc="nothing") == ["a", "b"]
        threading.Timer(0.5, nodes.kill, (own.scheduler,)).start()
        with pytest.raises(UserError, match="the scheduler of VAD_SCHEDULER went away"):
            map_clips(Nothing(), [f"clip{number}" for number in range(5000)], desc="nothing")
        cluster.disconnect(own.address)
    assert "Traceback" not in capfd.readouterr().err


def test_what_sums_round_by_goes_along(monkeypatch):
    pytest.importorskip("threadpoolctl")
    monkeypatch.delenv("VAD_ONEDNN", raising=False)
    assert cluster._environment()["VAD_ONEDNN"] == ""  # in place of a node's own
    monkeypatch.setenv("VAD_ONEDNN", "0")
    assert cluster._environment()["VAD_ONEDNN"] == "0"


# --- one line each ---------------------------------------------------------------------------------------------------


def refusal(address: str = "tcp://127.0.0.1:9") -> str:
    with pytest.raises(UserError) as caught:
        list(cluster.run(address, Batch(len, ("a",), {}), None))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_distributed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert refusal() == "VAD_SCHEDULER is set, but distributed is not installed: pip install '.[cluster]', or unset it"


def test_where_no_scheduler_answers(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECTING", 0.5)
    assert refusal().startswith("VAD_SCHEDULER=tcp://127.0.0.1:9: no scheduler answers there (")
    assert "no scheduler answers there" in refusal("nonsense")


def test_what_speaks_against_a_node(tmp_path, monkeypatch):
    class Node:
        address, state = "tcp://10.0.0.7:4000", type("State", (), {"nthreads": 1})

    monkeypatch.setattr("distributed.get_worker", lambda: Node)
    payload = tmp_path / "batch.pickle"
    payload.touch()
    code = ("vad.pipeline.cluster",)
    task = (str(tmp_path), str(payload), source.digest(code), dict(source.versions()), {}, code)
    cluster._check(task)
    with pytest.raises(
        UserError, match=r"node tcp://10.0.0.7:4000 \(.*\) has numpy .*, here it is 0.1: make them equal"
    ):
        cluster._check((*task[:3], {"numpy": "0.1"}, *task[4:]))
    monkeypatch.setattr(cluster, "entered", ("here", "old"))
    with pytest.raises(UserError, match="sees other code in"):
        cluster._check((*task[:2], "another digest", *task[3:]))
    assert cluster.entered is None  # the next task loads the code anew
    with pytest.raises(UserError, match="sees other code in"):
        cluster._check((*task[:5], (*code, "vad.pipeline.not_there_yet")))
    with pytest.raises(UserError, match="does not see this project's folder at"):
        cluster._check((task[0], str(tmp_path / "none"), *task[2:]))
    Node.state.nthreads = 4
    with pytest.raises(UserError, match="has 4 threads: start it with --nthreads 1"):
        cluster._check(task)
