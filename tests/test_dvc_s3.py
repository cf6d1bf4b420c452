"""DVC over S3: a data set there as a stage's dependency, a remote there for what stages made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_remote import SECRETS, bucket, server  # noqa: F401

pytest.importorskip("dvc_s3", reason="needs the extra s3")

PIPELINE = """
stages:
  count:
    cmd: date +%N >> runs && echo done > made
    deps: ["s3://{bucket}/set"]
    outs: [made]
"""


def dvc(*arguments: str) -> str:
    command = [Path(sys.executable).parent / "dvc", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | SECRETS)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_dependency_and_a_remote(bucket):  # noqa: F811
    system, name = bucket
    dvc("init", "--no-scm", "-q")
    Path("dvc.yaml").write_text(PIPELINE.format(bucket=name))
    dvc("repro")
    dvc("repro")
    assert len(Path("runs").read_text().splitlines()) == 1
    Path("new").write_text("one more")
    system.put("new", f"{name}/set/test/new")
    dvc("repro")
    assert len(Path("runs").read_text().splitlines()) == 2
    dvc("remote", "add", "-d", "far", f"s3://{name}/dvc")
    dvc("remote", "modify", "far", "endpointurl", os.environ["AWS_ENDPOINT_URL"])
    dvc("push")
    Path("made").unlink()
    subprocess.run(["rm", "-rf", ".dvc/cache"], check=True)
    dvc("pull")
    assert Path("made").read_text() == "done\n"
