"""Starts and ends the servers, and says why a test that wants one cannot run."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3"  # the one that has Debian's GStreamer bindings
PROBE = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer, Gst;"
    "Gst.init(None); assert Gst.ElementFactory.find('h264parse') and Gst.ElementFactory.find('rtph264pay')"
)


def _gstreamer() -> bool:
    with suppress(OSError):
        return subprocess.run([PYTHON, "-c", PROBE], capture_output=True, timeout=60).returncode == 0
    return False


MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_rtsp = pytest.mark.skipif(not _gstreamer(), reason="no GStreamer RTSP server: run tests/servers/install.sh")
needs_mqtt = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto: run tests/servers/install.sh")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


@contextmanager
def rtsp(file: Path, port: int, form: str = "h264") -> Iterator[str]:
    """An RTSP camera that plays ``file``; its address."""
    command = [PYTHON, str(HERE / "rtsp_server.py"), str(file), str(port), form]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield f"rtsp://127.0.0.1:{port}/camera"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def mqtt(port: int, folder: Path) -> Iterator[int]:
    """A broker on ``port``."""
    config = folder / f"mosquitto-{port}.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    process = subprocess.Popen([MOSQUITTO, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _listens(port), 10)
        yield port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Receiver:
    """A web hook's far end.

    Attributes:
        received: (path, headers, JSON body) of each request that was answered with 200.
        refuse: how many requests are to be answered with ``status`` first.
    """

    def __init__(self, refuse: int = 0, status: int = 503) -> None:
        self.received: list[tuple[str, dict, dict]] = []
        self.refuse, self.status, self.refused = refuse, status, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.refused < outer.refuse:
                    outer.refused += 1
                    self.send_response(outer.status)
                else:
                    outer.received.append((self.path, dict(self.headers), json.loads(body)))
                    self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def wait_for(condition, seconds: float = 20.0) -> None:
    """Until ``condition()`` holds.

    Raises:
        AssertionError: it did not within ``seconds``.
    """
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "timed out"
        time.sleep(0.02)
