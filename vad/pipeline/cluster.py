"""Clips on the nodes of a Dask scheduler: ``VAD_SCHEDULER=tcp://...`` (docs/cluster.md).

A node is a ``dask worker`` process of one thread with this environment's packages, which sees the project's folder. It
needs none of the project's code: a task enters the folder, takes the code from there, reads the batch that the stage
left in it, does the clip of its number and moves what it made to where the stage wants it. Only a clip's number and its
value travel through the scheduler. Whatever is running on a node that dies is done again by another.
"""

import atexit
import builtins
import contextlib
import logging
import os
import pickle
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from tqdm import tqdm

from vad.pipeline import source, stage
from vad.pipeline.batch import Batch, machine, name_of, portable, travelling
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)

SCHEDULER = "VAD_SCHEDULER"
FOLDER = "VAD_PROJECT_FOLDER"  # on a node: the project's folder as it is seen there
CONNECTING = 20  # seconds until a scheduler must have answered
entered: tuple[str, str] | None = None  # on a node: folder and digest of the code that is loaded
WAITING = 60  # seconds until a first node must have come
_clients: dict[str, Any] = {}
# folder, batch's file, digest of the code, versions, environment, the modules that the digest is of
_Task = tuple[str, str, str, dict, dict, tuple[str, ...]]


def run(address: str, batch: Batch, bar: tqdm) -> Iterator[tuple[int, Any]]:
    """(number, value) of every clip of the batch, as they come.

    Raises:
        UserError: no scheduler or no node there, a node with other packages, one that died of a clip over and over.
    """
    need_distributed()
    client = _connected(address)
    from distributed import as_completed

    loaded = tuple(sorted(name for name in sys.modules if source.known(name)))
    code = source.digest(loaded)
    with travelling(batch) as payload:
        task = (str(Path.cwd()), str(payload), code, source.versions(), _environment(), loaded)
        names = [f"clip-{number}-{payload.parent.name}" for number in range(len(batch.clips))]
        futures = client.map(_by_value(), range(len(batch.clips)), key=names, pure=False, task=task)
        numbers = {future.key: number for number, future in enumerate(futures)}
        try:
            with _nodes_shown(client, bar):
                for future, result in as_completed(futures, client.loop, with_results=True, raise_errors=False):
                    number = numbers[future.key]
                    yield number, _value(future.status, result, batch.clips[number])
        finally:
            client.cancel([future for future in futures if not future.done()])


@contextmanager
def _nodes_shown(client: Any, bar: tqdm) -> Iterator[None]:
    """How many nodes there are, beside the bar, every second."""
    ended = threading.Event()

    def show() -> None:
        before = -1
        while not ended.is_set():
            with contextlib.suppress(Exception):  # the scheduler went: who waits for the clips says so
                count = len(client.scheduler_info(n_workers=-1)["workers"])
                bar.set_postfix_str(f"{count} node{'s' * (count != 1)}")
                if not count and before:
                    log.warning("no node is left: waiting for one ('dask worker ... --nthreads 1')")
                before = count
            ended.wait(1)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _value(status: str, result: Any, clip: Any) -> Any:
    """A clip's value, of what the scheduler says of its task.

    Raises:
        UserError: no node could do it.
    """
    from distributed import KilledWorker

    name = name_of(clip)
    if status == "finished":
        value = pickle.loads(result)
        if isinstance(value, UserError):
            raise value
        return value
    if status != "error":
        raise UserError(f"the scheduler of {SCHEDULER} went away: start it and its nodes, and run again")
    error = result[1]
    if isinstance(error, KilledWorker):
        raise UserError(
            f"clip {name}: {error.allowed_failures + 1} nodes died while they did it, most likely out of memory: "
            "give the nodes more, or look into their logs"
        )
    if isinstance(error, FileNotFoundError | ModuleNotFoundError):
        raise UserError(
            f"a node cannot do clip {name} ({error}): it needs this environment's packages and the project's folder; "
            f"where that lies elsewhere there, start the node with {FOLDER}=<where>"
        )
    raise error


def need_distributed() -> None:
    """Say so where it is not installed.

    Raises:
        UserError: it is not.
    """
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError:
        raise UserError(
            f"{SCHEDULER} is set, but distributed is not installed: pip install '.[cluster]', or unset it"
        ) from None


def disconnect(address: str) -> None:
    """Leave the scheduler before it goes."""
    if client := _clients.pop(address, None):
        client.close(timeout=5)


def _connected(address: str) -> Any:
    """The client of the scheduler there, one for all that this process does."""
    if address not in _clients:
        _clients[address] = _connect(address)
        atexit.register(disconnect, address)
    return _clients[address]


def _connect(address: str) -> Any:
    from distributed import Client

    for name in [name for name in list(logging.root.manager.loggerDict) if name.split(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what goes wrong is said once, by us
    with stage.quiet():
        try:
            client = Client(address, timeout=CONNECTING, set_as_default=False, name="vad")
        except (OSError, TimeoutError, ValueError) as error:
            reason = " ".join(str(error).split())[:120]
            raise UserError(f"{SCHEDULER}={address}: no scheduler answers there ({reason})") from None
        try:
            client.wait_for_workers(1, timeout=WAITING)
        except TimeoutError:
            raise UserError(
                f"{SCHEDULER}={address}: the scheduler has no node after {WAITING} s: start one with "
                f"'dask worker {address} --nthreads 1 --death-timeout 60'"
            ) from None
    return client


def _by_value() -> Callable[..., bytes]:
    """:func:`on_node` as it can be sent to who knows nothing of the project: what is of ``__main__`` travels whole."""
    travelling = FunctionType(on_node.__code__, {"__builtins__": builtins}, "on_node")
    travelling.__module__ = "__main__"
    return travelling


# --- on a node -------------------------------------------------------------------------------------------------------


def on_node(number: int, task: _Task) -> bytes:
    """Take the project's code from its folder, unless it is there already, and go on in it."""
    import importlib
    import os
    import sys

    folder, code = os.environ.get("VAD_PROJECT_FOLDER", task[0]), task[2]
    known = sys.modules.get("vad.pipeline.cluster")
    if known is None or known.entered != (folder, code):
        for name in [name for name in sys.modules if name.split(".")[0] in ("vad", "stages")]:
            del sys.modules[name]
        sys.path[:] = [folder, *(path for path in sys.path if path not in ("", folder))]
        if not os.path.isdir(os.path.join(folder, "vad")):
            raise FileNotFoundError(f"{folder} is not there on {os.uname().nodename}")
        os.chdir(folder)
        known = importlib.import_module("vad.pipeline.cluster")
        known.entered = (folder, code)  # type: ignore[attr-defined]
    return known.do(number, task)


def do(number: int, task: _Task) -> bytes:
    """A clip's value, pickled; or the :class:`UserError` that speaks against this node."""
    try:
        _check(task)
        batch = _batch(task[1])
        _as_there(task[4])
        value = portable(batch(number))
    except UserError as error:
        value = error
    return pickle.dumps(value)


def _check(task: _Task) -> None:
    global entered
    from distributed import get_worker

    where = f"node {get_worker().address} ({socket.gethostname()})"
    if get_worker().state.nthreads != 1:
        raise UserError(f"{where} has {get_worker().state.nthreads} threads: start it with --nthreads 1")
    own = source.versions()
    for name, version in task[3].items():
        if own.get(name) != version:
            raise UserError(f"{where} has {name} {own.get(name, 'not at all')}, here it is {version}: make them equal")
    if not all(map(source.known, task[5])) or source.digest(task[5]) != task[2]:
        entered = None  # the next task loads it anew
        raise UserError(
            f"{where} sees other code in {Path.cwd()} than runs here: wait until the file system shows it the same, "
            "and run again"
        )
    if not Path(task[1]).exists():
        raise UserError(
            f"{where} does not see this project's folder at {Path.cwd()}: mount it there, or start the node with "
            f"{FOLDER}=<where it is>"
        )


@cache
def _batch(payload: str) -> Batch:
    """The batch in this file, whose name no other ever has."""
    _batch.cache_clear()  # the last batch's detector goes
    stage.keep_memory()
    return pickle.loads(Path(payload).read_bytes())


def _as_there(environment: dict[str, str]) -> None:
    """Device and threads as in the stage's own process: the bytes depend on them."""
    import threadpoolctl

    os.environ.update(environment)
    if "torch" in sys.modules:  # else it will read the environment
        import torch

        torch.set_num_threads(int(environment["OMP_NUM_THREADS"]))
    threadpoolctl.threadpool_limits({"blas": int(environment["OPENBLAS_NUM_THREADS"])})


def _environment() -> dict[str, str]:
    import threadpoolctl

    device, threads = machine()
    blas = [found["num_threads"] for found in threadpoolctl.threadpool_info() if found["user_api"] == "blas"]
    return {
        "VAD_DEVICE": device,
        "VAD_ONEDNN": os.environ.get("VAD_ONEDNN", ""),
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(max(blas, default=1)),
    }
