"""A data set in an S3 bucket, on a real server of this machine."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.test_cluster import digests
from tests.test_decoding import write_video
from vad.data import extraction, layouts, remote
from vad.data.packing import Params
from vad.pipeline import stage
from vad.pipeline.errors import UserError

s3fs = pytest.importorskip("s3fs", reason="needs the extra s3")
SETTINGS = Params(short_side=32, stride=1, jpeg_quality=90, turn_back=True)
SECRETS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def server():
    """The address of an empty S3."""
    pytest.importorskip("moto", reason="needs the extra dev")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | SECRETS)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def bucket(server, tmp_path, monkeypatch):
    """A data set in a bucket, and the same in the folder raw."""
    monkeypatch.chdir(tmp_path)
    for name, value in (SECRETS | {"AWS_ENDPOINT_URL": server}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VAD_WORKERS", "1")
    for name in ("train/a.mp4", "train/b.avi", "test/c.avi"):
        Path("raw", name).parent.mkdir(parents=True, exist_ok=True)
        write_video(Path("raw", name), "MJPG" if name.endswith("avi") else "mp4v", 8)
    Path("raw/labels.csv").write_text("clip,start,end\nc,2,3\n")
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem(endpoint_url=server)
    name = f"bucket{tmp_path.name.replace('_', '').lower()}"[:60]
    system.mkdir(name)
    system.put("raw", f"{name}/set", recursive=True)
    return system, name


def extract(root: str, out: str) -> dict[str, str]:
    data = layouts.Params(root=root, layout="auto", fps=None, size=None)
    extraction.extract(data, SETTINGS, Path(out))
    return {name.removeprefix(out): digest for name, digest in digests(out).items()}


def test_a_bucket_gives_the_bytes_of_a_folder(bucket):
    _, name = bucket
    assert extract(f"s3://{name}/set", "far") == extract("raw", "near")
    tickets = [path for path in Path("data/.remote").rglob("*.avi")]
    assert len(tickets) == 2
    assert max(path.stat().st_size for path in tickets) < 1000  # no video stays here


def test_only_what_is_new_is_fetched(bucket, monkeypatch):
    system, name = bucket
    monkeypatch.setattr(stage, "running", "extract_frames")
    asked, get = [], s3fs.S3FileSystem.get_file
    monkeypatch.setattr(
        s3fs.S3FileSystem,
        "get_file",
        lambda self, path, *rest, **more: asked.append(Path(path).name) or get(self, path, *rest, **more),
    )
    first = extract(f"s3://{name}/set", "one")
    assert sorted(asked) == ["a.mp4", "b.avi", "c.avi", "labels.csv"]
    asked.clear()
    assert extract(f"s3://{name}/set", "two") == first
    assert asked == []
    write_video(Path("d.avi"), "MJPG", 5)
    system.put("d.avi", f"{name}/set/test/d.avi")
    write_video(Path("b.avi"), "MJPG", 6)
    system.put("b.avi", f"{name}/set/train/b.avi")
    third = extract(f"s3://{name}/set", "three")
    assert sorted(asked) == ["b.avi", "d.avi"]
    assert "/frames/d.zip" in third
    assert third["/frames/b.zip"] != first["/frames/b.zip"]
    assert third["/frames/a.zip"] == first["/frames/a.zip"]


@pytest.mark.parametrize("key", ["ETag", "etag", "generation", "mtime", "last_modified"])
def test_a_file_of_the_same_size_is_another_version(key):
    one, other = ({"size": 7, "name": "labels.npy", key: value} for value in ("a", "b"))
    assert remote._version(one) == remote._version(dict(one)) != remote._version(other)


def test_where_nothing_says_a_version_every_listing_is_another():
    info = {"size": 7, "name": "labels.npy", "ETag": None}
    assert remote._version(info) != remote._version(dict(info))


def test_a_video_that_changed_since_it_was_listed_is_not_taken(bucket):
    system, name = bucket
    root = remote.mirror(f"s3://{name}/set")
    with remote.fetched(root / "train/b.avi") as video:
        content = video.read_bytes()
    system.pipe(f"{name}/set/train/b.avi", content[:-1] + bytes([content[-1] ^ 1]))
    with (
        pytest.raises(UserError, match="has changed since it was listed: run again"),
        remote.fetched(root / "train/b.avi"),
    ):
        pass


def test_what_is_not_there_is_one_line(bucket):
    _, name = bucket
    for address in (f"s3://{name}/nothing", "s3://no-such-bucket/set", "nonsense://x/y"):
        with pytest.raises(UserError) as caught:
            remote.mirror(address)
        assert address in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_removed_file_is_gone_here_too(bucket):
    system, name = bucket
    assert "/frames/b.zip" in extract(f"s3://{name}/set", "one")
    system.rm(f"{name}/set/train/b.avi")
    assert "/frames/b.zip" not in extract(f"s3://{name}/set", "two")
