"""What every stage script shares: one-line errors, logging, determinism and the record of what the stage cost.

A stage script ends with ``run(main)``. A mistake of the user's, a full disk or an interruption becomes one line on
stderr and exit code 1 (130 for an interruption from the keyboard, 143 for SIGTERM). A stage sweeps what killed ones
left half-written, ends with the DVC that runs it, and refuses to run beside itself.
"""

import ctypes
import errno
import logging
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from vad.pipeline import artifacts, processes, scratch
from vad.pipeline.errors import Missing, UserError
from vad.pipeline.naming import printable

TIMINGS = Path("data/timings")
MADE = ("data", "metrics", "plots", "report")  # folders of what stages make
running: str | None = None  # the stage whose outputs this process writes


def workers() -> int:
    """Number of worker processes: ``VAD_WORKERS``, else the CPUs this process may use. Never a tracked parameter."""
    return int(os.environ.get("VAD_WORKERS", len(os.sched_getaffinity(0))))


def device() -> str:
    """Torch device: ``VAD_DEVICE``, else ``cuda`` where there is one, else ``cpu``. Never a tracked parameter."""
    import torch

    return os.environ.get("VAD_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")


def keep_memory() -> None:
    """Keep freed memory in the process (glibc's mallopt): networks ask for the same large blocks batch after batch.

    Without it each is mapped and zeroed anew, about a third of a small network's time on a CPU. Does nothing where
    there is no glibc.
    """
    m_trim_threshold, m_mmap_max = -1, -4
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(m_mmap_max, 0)
        mallopt(m_trim_threshold, 2**31 - 1)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log lines of a library or a hub's client: what goes wrong there is said once, by us."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def run(main: Callable[[], dict | None], name: str | None = None, alone: bool = True) -> None:
    """Run a stage's ``main`` as its script's last line.

    Args:
        main: the stage; it may return ``{"frames": n}``, the work it did, which is kept beside its time.
        name: under which the time is kept; the script's name by default.
        alone: whether it writes outputs of the pipeline, which no two processes may at once.
    """
    global running
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    keep_memory()
    name = name or Path(sys.argv[0]).stem
    processes.handle_termination()
    started = time.perf_counter()
    try:
        running = name if alone else None
        with scratch.only_one(name) if alone else nullcontext():
            scratch.sweep()
            work = main() or {}
            if alone:
                artifacts.save_json(TIMINGS / f"{name}.json", _cost(name, time.perf_counter() - started) | work)
    except UserError as error:
        _fail(name, str(error))
    except KeyboardInterrupt as error:
        code = 143 if isinstance(error, processes.Terminated) else 130
        processes.leave_within(processes.GRACE, code)
        _fail(name, "interrupted; 'dvc repro' goes on from the last finished stage", code)
    except Exception as error:
        if line := _mishap(error):
            _fail(name, line)
        raise
    finally:
        running = None


def _mishap(error: Exception) -> str | None:
    """What the user can do about an error of the file system; None where it is not for the user to mend."""
    if not isinstance(error, OSError):
        return None
    file = error.filename or " ".join(str(error).split())
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full while writing {file}: free some space and run again"
    if error.errno == errno.EROFS:
        return f"cannot write {file}: make the folder writable and run again"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission for {file}: make the file readable or its folder writable, and run again"
    if isinstance(error, FileNotFoundError) and Path(str(file)).parts[:1] in {(top,) for top in MADE}:
        return str(Missing(file))
    return None  # any other file that is not there is for whoever wrote the code: its traceback stays


def _fail(name: str, message: str, code: int = 1) -> None:
    if "tqdm" in sys.modules:  # a bar that was left open would have the message in its own line
        for bar in list(getattr(sys.modules["tqdm"].tqdm, "_instances", ())):
            bar.close()
    print(printable(f"{name}: {message}"), file=sys.stderr)
    sys.exit(code)


def _cost(name: str, seconds: float) -> dict:
    """Wall time and peak memory of this run: no output, for ``python -m stages.show_results --costs``."""
    usage = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "stage": name,
        "seconds": round(seconds, 1),
        "peak_mib": round(usage / 1024),
        "machine": f"{platform.machine()}, {workers()} CPUs",
    }
