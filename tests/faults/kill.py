"""Stages killed and runs ended at random moments: ``python -m tests.faults.kill FOLDER [--stages NAME ...]``.

Each stage is run by force and ended six times, at random moments: with SIGKILL of the stage in the first, the second
and the last third of its time, with SIGKILL and SIGTERM of ``dvc repro``, and with SIGINT as the keyboard gives it, to
the whole group. After each, no process may be left, and nothing half-written where stages read. Then the commands of
``make demo``, by turns with DVC's run cache and by force without it, have to give the very lock file of the undisturbed
run; a stage that runs leaves nothing half-written anywhere. Two copies of the project share the stages, as a run of one
stage keeps a processor busy.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import psutil

from tests.faults.project import Project

WAYS = {  # how a stage is ended -> between which shares of its time
    "SIGKILL stage, first third": (0, 1 / 3),
    "SIGKILL stage, second third": (1 / 3, 2 / 3),
    "SIGKILL stage, last third": (2 / 3, 1),
    "SIGKILL dvc": (0, 1),
    "SIGTERM dvc": (0, 1),
    "SIGINT group": (0, 1),
}
# '--no-run-cache' alone still takes outputs from the cache where dvc.lock names them.
CACHES = {"from the run cache": [], "without the run cache": ["--no-run-cache", "-f"]}
START = 2.0  # seconds that a stage takes to import what it needs, about
TRIES = 4  # to find a stage still running at the moment
LINGER = 15.0  # seconds in which what was ended has to be gone


@dataclass
class Tally:
    """What was done and what came of it, over all stages."""

    struck: Counter = field(default_factory=Counter)
    late: Counter = field(default_factory=Counter)
    recovered: Counter = field(default_factory=Counter)
    locks: int = 0
    failed: dict[str, list[str]] = field(default_factory=dict)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the small project is made, or is")
    parser.add_argument("--stages", nargs="*", help="these alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="copies of the project that are worked in at once")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # 'command &' has it ignored, and what it starts too
    started = time.monotonic()
    project = Project(options.folder.resolve())
    if not project.folder.exists():
        project.make()
    project.repro()
    names = options.stages or project.stages()
    print(f"undisturbed run: {time.monotonic() - started:.0f} s, {len(project.stages())} stages", flush=True)
    copies = [project, *(project.copy(f"{project.folder}-{number}") for number in range(1, options.jobs))]
    tally = disturb_all(copies, names, options.seed, started)
    for copy in copies:
        copy.repro()
        if copy.lock != project.lock:
            tally.failed["the end"] = [f"another lock file in {copy.folder}"]
    for way in WAYS:
        print(f"{way:28s} {tally.struck[way]:4d} times, {tally.late[way]} of them after the stage's end")
    for how in CACHES:
        print(f"dvc repro {how:28s} {tally.recovered[how]:4d} times")
    print(f"DVC's own lock was left half-written {tally.locks} times, and mended")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{len(names) - len(tally.failed)} of {len(names)} stages sound; {time.monotonic() - started:.0f} s, "
        f"{usage.ru_utime + usage.ru_stime:.0f} s of CPU"
    )
    return int(bool(tally.failed))


def disturb_all(copies: list[Project], names: list[str], seed: int, started: float) -> Tally:
    """Every stage of ``names`` in one of the copies, whichever is free."""
    tally, free, reference = Tally(), SimpleQueue(), copies[0].lock
    for copy in copies:
        free.put(copy)

    def disturb(turn: int, name: str) -> None:
        project, rng, troubles = free.get(), random.Random(f"{seed} {name}"), []
        for step, way in enumerate(WAYS):
            troubles += disturbed(project, name, way, rng, tally)
            how = list(CACHES)[(turn + step) % 2]
            troubles += recovered(project, name, reference, how, tally)
            tally.recovered[how] += 1
        if troubles:
            tally.failed[name] = troubles
        print(f"{time.monotonic() - started:6.0f} s  {name:24s} {'; '.join(troubles) or 'sound'}", flush=True)
        free.put(project)

    with ThreadPoolExecutor(len(copies)) as threads:
        list(threads.map(disturb, range(len(names)), names))
    return tally


def disturbed(project: Project, name: str, way: str, rng: random.Random, tally: Tally) -> list[str]:
    """Run a stage by force and end it ``way`` at a random moment; what is wrong then."""
    first, last = WAYS[way]
    moment = rng.uniform(first, last) * (START + seconds(project, name))
    for attempt in range(TRIES):
        dvc = project.dvc("repro", "-s", "-f", name)
        stage = wait_for_stage(dvc)
        running = stage is not None and is_running_after(stage, moment * 0.7**attempt)
        strike(dvc, stage, way)
        with contextlib.suppress(Exception):
            dvc.wait(timeout=LINGER)
        orphans = project.orphans(seconds=LINGER)
        inside = [path for path in project.leftovers() if not path.startswith("data/.tmp/")]
        if running or orphans or inside:
            break
    tally.struck[way] += 1
    tally.late[way] += not running
    return [f"{way}: left {what}" for what in (*orphans, *inside)]


def wait_for_stage(dvc) -> psutil.Process | None:
    """The stage's process; None where DVC ended without one."""
    while dvc.poll() is None:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(dvc.pid).children(recursive=True):
                if any("stages." in part for part in child.cmdline()) and "python" in child.name():
                    return child
        time.sleep(0.02)
    return None


def is_running_after(stage: psutil.Process, seconds: float) -> bool:
    try:
        stage.wait(timeout=seconds)
    except psutil.TimeoutExpired:
        return True
    except psutil.Error:
        pass
    return False


def seconds(project: Project, name: str) -> float:
    """How long the stage's own work took in the undisturbed run."""
    record = project.folder / "data/timings" / f"{name}.json"
    return json.loads(record.read_text())["seconds"] if record.exists() else 2.0


def strike(dvc, stage: psutil.Process | None, way: str) -> None:
    number, target = way.split(",")[0].split()
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        if target == "stage" and stage is not None:
            stage.send_signal(getattr(signal, number))
        elif target == "dvc":
            dvc.send_signal(getattr(signal, number))
        elif target == "group":
            os.killpg(dvc.pid, getattr(signal, number))


def recovered(project: Project, name: str, reference: str, how: str, tally: Tally) -> list[str]:
    """Let ``dvc repro`` go on; what is wrong then."""
    tally.locks += project.mended()
    try:
        project.repro("-s", *CACHES[how], name)
    except AssertionError as error:
        return [f"{how}: {error}"]
    troubles = [] if project.lock == reference else [f"{how}: another lock file"]
    ran = "Running stage" in project.log.read_text(errors="replace")  # and swept what was left
    return troubles + [f"{how}: left {path}" for path in project.leftovers() if ran]


if __name__ == "__main__":
    sys.exit(main())
