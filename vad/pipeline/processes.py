"""Processes that end when they should: a stage with the DVC that runs it, its workers and programs with the stage."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess

SHELLS = {"sh", "bash", "dash", "zsh", "fish", "ksh", "tcsh"}
GRACE = 10.0  # seconds in which an interrupted process may tidy up


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: handled wherever an interruption from the keyboard is."""


def one_blas_thread() -> None:
    """Have NumPy's and SciPy's BLAS compute in one thread, unless the environment says otherwise.

    To be called before NumPy is imported. Each library has threads of its own that spin while they wait, in the way of
    the others': on two cores, products of small matrices between the layers of a network cost it half of its speed.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def handle_termination() -> None:
    """Turn SIGTERM, and SIGHUP unless it is ignored (nohup), into :class:`Terminated`."""

    def end(number: int, _: object) -> None:
        leave_within(GRACE, 128 + number)
        raise Terminated(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


def leave_within(seconds: float, code: int) -> None:
    """End this process with ``code`` after so long, if threads of libraries keep it from ending by itself."""

    def leave() -> None:
        time.sleep(seconds)
        os._exit(code)

    threading.Thread(target=leave, daemon=True).start()


def end_with_dvc() -> None:
    """Terminate this process when the ``dvc`` that started it is gone; nothing where none did.

    DVC starts a shell that starts the stage, or becomes it; both are watched. A stage that was started by hand goes on
    without its terminal.
    """
    if "DVC_STAGE" in os.environ and hasattr(os, "pidfd_open"):
        if os.getppid() == 1 and not _is_dvc(1):
            sys.exit(128 + signal.SIGTERM)  # it went while Python started
        watched = [descriptor for pid in _starters() if (descriptor := _handle(pid)) is not None]
        threading.Thread(target=_terminate_after, args=(watched,), daemon=True).start()


def _is_dvc(pid: int) -> bool:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return b"dvc" in file.read()


def _starters() -> list[int]:
    import psutil

    parent = psutil.Process().parent()
    if parent is None:
        return []
    above = parent.parent() if parent.name() in SHELLS else None
    return [process.pid for process in (parent, above) if process is not None]


def _handle(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None  # gone already, or a kernel without them


def _terminate_after(handles: Sequence[int]) -> None:
    waiting = select.poll()
    for handle in handles:
        waiting.register(handle, select.POLLIN)
    if handles and waiting.poll():
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def pool(workers: int, initializer: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    """Worker processes that end with the block: at once where an exception or an interruption ends it.

    Spawned, not forked: the threads and locks of OpenCV and the codecs do not survive a fork.
    """
    executor = ProcessPoolExecutor(workers, get_context("spawn"), start_worker, (initializer,))
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for worker in (children := active_children()):
            worker.terminate()
        for worker in children:
            worker.join(GRACE / 2)
        raise
    executor.shutdown()


def start_worker(then: Callable[[], None] | None = None) -> None:
    """What a worker begins with: it does not outlive its stage, whatever ends that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    if then is not None:
        then()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def run(command: Sequence[str], **options) -> subprocess.CompletedProcess:
    """``subprocess.run`` of a program that is ended, with all that it started, when this process is interrupted."""
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    ) as process:
        try:
            output, errors = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
