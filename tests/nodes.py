"""A scheduler and nodes of it, as separate processes with working folders of their own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VAD_SCHEDULER")}
BIN = Path(sys.executable).parent


class Cluster:
    """Started by :func:`cluster`; ``address`` is the scheduler's."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.folder, self.address = folder, f"tcp://127.0.0.1:{port}"
        command = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0"]
        self.scheduler = self._start("scheduler", [*command, "--no-dashboard"])
        self.nodes: list[subprocess.Popen] = []

    def add(self, **environment: str) -> subprocess.Popen:
        """One more node."""
        name = f"node-{len(self.nodes)}"
        options = ["--nthreads", "1", "--death-timeout", "60", "--no-dashboard", "--memory-limit", "0", "--no-nanny"]
        self.nodes.append(self._start(name, ["worker", self.address, "--name", name, *options], **environment))
        return self.nodes[-1]

    def log(self, name: str) -> str:
        """What a process has said."""
        return (self.folder / name / "log").read_text()

    def _start(self, name: str, command: list[str], **environment: str) -> subprocess.Popen:
        own = self.folder / name
        own.mkdir(parents=True)
        with open(own / "log", "w") as log:
            return subprocess.Popen(
                [BIN / "dask", *command], cwd=own, env=ENVIRONMENT | environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip


@contextmanager
def cluster(folder: Path, nodes: int) -> Iterator[Cluster]:
    """A scheduler on this machine with so many nodes; all are gone after the block."""
    started = Cluster(folder)
    try:
        for _ in range(nodes):
            started.add()
        yield started
    finally:
        for process in (*started.nodes, started.scheduler):
            kill(process)


def kill(process: subprocess.Popen) -> None:
    """SIGKILL to a process and its children."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
