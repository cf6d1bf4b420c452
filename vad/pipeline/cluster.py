"""Clips on the nodes of a Dask scheduler: ``VAD_SCHEDULER=tcp://...`` (docs/cluster.md).

A node is a ``dask worker`` process of one thread with this environment's packages, which sees the project's folder. It
needs none of the project's code: a task enters the folder, takes the code from there, reads the batch that the stage
left in it, does the clip of its number and moves what it made to where the stage wants it. Only a clip's number and its
value travel through the scheduler. Whatever is running on a node that dies is done again by another.
"""

import os
import pickle
import socket
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vad.pipeline import source, stage
from vad.pipeline.errors import UserError
from vad.pipeline.executor import SCHEDULER, Batch, portable, travelling

FOLDER = "VAD_PROJECT_FOLDER"  # on a node: the project's folder as it is seen there
CONNECTING = 20  # seconds until a scheduler must have answered
WAITING = 60  # seconds until a first node must have come
_Task = tuple[str, str, str, dict, dict]  # folder, batch's file, digest of the code, versions, environment


def run(address: str, batch: Batch, bar: tqdm) -> Iterator[tuple[int, Any]]:
    """(number, value) of every clip of the batch, as they come.

    Raises:
        UserError: no scheduler or no node there, a node with other packages, one that died of a clip over and over.
    """
    client = _client(address)
    from distributed import as_completed

    import vad

    code = source.digest(tuple(name for name in sys.modules if name.split(".")[0] == vad.__name__))
    threads = _threads()
    with travelling(Batch(batch.work, batch.clips, batch.into, batch.cache, threads)) as payload:
        # Nodes compute as this process would: the bytes depend on it.
        environment = {"VAD_DEVICE": stage.device(), "OMP_NUM_THREADS": str(threads["torch"])}
        task = (str(Path.cwd()), str(payload), code, source.versions(), environment)
        names = [f"clip-{number}-{payload.parent.name}" for number in range(len(batch.clips))]
        futures = client.map(_by_value(), range(len(batch.clips)), key=names, pure=False, task=task)
        numbers = {future.key: number for number, future in enumerate(futures)}
        nodes = _Nodes(client, bar)
        try:
            for future, result in as_completed(futures, client.loop, with_results=True, raise_errors=False):
                number = numbers[future.key]
                nodes.show()
                yield number, _value(future.status, result, batch.clips[number])
        finally:
            client.cancel(futures)


class _Nodes:
    """Shows how many nodes there are, asking once a second at most."""

    def __init__(self, client: Any, bar: tqdm) -> None:
        self._client, self._bar, self._asked = client, bar, 0.0

    def show(self) -> None:
        """Beside the bar."""
        if time.monotonic() - self._asked > 1:
            count = len(self._client.scheduler_info(n_workers=-1)["workers"])
            self._bar.set_postfix_str(f"{count} node{'s' * (count != 1)}", refresh=False)
            self._asked = time.monotonic()


def _value(status: str, result: Any, clip: Any) -> Any:
    """A clip's value, of what the scheduler says of its task.

    Raises:
        UserError: no node could do it.
    """
    from distributed import KilledWorker

    name = clip if isinstance(clip, str) else clip.name
    if status == "finished":
        value = pickle.loads(result)
        if isinstance(value, UserError):
            raise value
        return value
    if status != "error":
        raise UserError(f"the scheduler at {SCHEDULER} went away: start it and its nodes, and run again")
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


def _client(address: str) -> Any:
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError:
        raise UserError(
            f"{SCHEDULER} is set, but distributed is not installed: pip install '.[cluster]', or unset it"
        ) from None
    return _connected(address)


@cache
def _connected(address: str) -> Any:
    import atexit

    from distributed import Client

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
    atexit.register(client.close)
    return client


def _count(client: Any) -> int:
    return len(client.scheduler_info(n_workers=-1)["workers"])


def _by_value() -> Any:
    """:func:`on_node` as it can be sent to a node that knows nothing of the project."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    return on_node


# --- on a node -------------------------------------------------------------------------------------------------------


def on_node(number: int, task: _Task) -> bytes:
    """Take the project's code from its folder, unless it is there already, and go on in it."""
    import os
    import sys

    folder, code = os.environ.get("VAD_PROJECT_FOLDER", task[0]), task[2]
    known = sys.modules.get("vad.pipeline.cluster")
    if known is None or getattr(known, "entered", None) != (folder, code):
        for name in [name for name in sys.modules if name.split(".")[0] in ("vad", "stages")]:
            del sys.modules[name]
        sys.path[:] = [folder, *(path for path in sys.path if path not in ("", folder))]
        if not os.path.isdir(os.path.join(folder, "vad")):
            raise FileNotFoundError(f"{folder} is not there on {os.uname().nodename}")
        os.chdir(folder)
        import vad.pipeline.cluster as known

        known.entered = (folder, code)
    return known.do(number, task)


def do(number: int, task: _Task) -> bytes:
    """A clip's value, pickled; or the :class:`UserError` that speaks against this node."""
    try:
        os.environ.update(task[4])
        _check(task)
        value = portable(_batch(task[1])(number))
    except UserError as error:
        value = error
    return pickle.dumps(value)


def _check(task: _Task) -> None:
    from distributed import get_worker

    where = f"node {get_worker().address} ({socket.gethostname()})"
    if get_worker().state.nthreads != 1:
        raise UserError(f"{where} has {get_worker().state.nthreads} threads: start it with --nthreads 1")
    own = source.versions()
    for name, version in task[3].items():
        if own.get(name) != version:
            raise UserError(f"{where} has {name} {own.get(name, 'not at all')}, here it is {version}: make them equal")
    if not Path(task[1]).exists():
        raise UserError(
            f"{where} does not see this project's folder at {Path.cwd()}: mount it there, or start the node with "
            f"{FOLDER}=<where it is>"
        )


@cache
def _batch(payload: str) -> Batch:
    """The batch in this file, whose name no other ever has; threads as the stage's own process has them."""
    _batch.cache_clear()  # the last batch's detector goes
    batch = pickle.loads(Path(payload).read_bytes())
    import cv2
    import threadpoolctl
    import torch

    stage.keep_memory()
    cv2.setNumThreads(1)  # of no influence on what it computes
    torch.set_num_threads(batch.threads["torch"])
    threadpoolctl.threadpool_limits({"blas": batch.threads["blas"]})
    return batch


def _threads() -> dict[str, int]:
    """By how many threads this process takes sums: by them they round."""
    import threadpoolctl
    import torch

    blas = [found["num_threads"] for found in threadpoolctl.threadpool_info() if found["user_api"] == "blas"]
    return {"torch": torch.get_num_threads(), "blas": max(blas, default=1)}
