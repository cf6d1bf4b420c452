"""The app in a real browser without a screen: Debian's chromium, driven by playwright."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAGES = {
    "": "The answer", "compare": "Compare detectors", "clip": "A clip", "threshold": "Threshold",
    "experiments": "Experiments", "review": "Review", "try_it": "Try it",
}  # fmt: skip


def serve(project: Path) -> Iterator[str]:
    """The app over ``project`` as a user starts it; yields its address and ends it when asked for another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    address = f"http://localhost:{port}"
    environment = os.environ | {"VAD_PROJECT": str(project)}
    command = [sys.executable, "-m", "app", f"--server.port={port}"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
        yield from _running(process, address, said)


def _running(process: subprocess.Popen, address: str, said: BinaryIO) -> Iterator[str]:
    try:
        for _ in range(240):
            try:
                urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                assert process.poll() is None, said.seek(0) or said.read().decode()[-2000:]
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait()


def launch(driver):
    """Chromium, started by a playwright ``driver``."""
    return driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


def visit(page, address: str, path: str) -> None:
    """Open a page and wait until its script has ended."""
    page.goto(f"{address}/{path}")
    page.wait_for_selector("h1")
    settle(page)


def settle(page) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    assert page.locator("[data-testid=stException]").count() == 0
