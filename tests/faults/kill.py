"""Stages killed and runs ended at random moments: ``python -m tests.faults.kill FOLDER [--stages NAME ...]``.

Each stage is run by force and ended: twice with SIGKILL of the stage, once with SIGKILL of ``dvc repro``, and with
SIGTERM of it or, by turns, SIGINT as the keyboard gives it, to the whole group. After each, no process may be left, and
nothing half-written where stages read; ``dvc repro``, with DVC's run cache and without, then has to give the very lock
file of the undisturbed run, and nothing half-written anywhere.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import psutil

from tests.faults.project import Project

ENDINGS = ("SIGTERM dvc", "SIGINT group")  # by turns, from stage to stage
START = 2.0  # seconds that a stage takes to import what it needs, about


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the small project is made, or is")
    parser.add_argument("--stages", nargs="*", help="these alone")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    project, rng = Project(options.folder.resolve()), random.Random(options.seed)
    started = time.monotonic()
    if not options.folder.exists():
        project.make()
    project.repro()
    reference = project.lock
    print(f"undisturbed run: {time.monotonic() - started:.0f} s, {len(project.stages())} stages", flush=True)
    failed = 0
    for turn, name in enumerate(options.stages or project.stages()):
        troubles = disturbed(project, name, "SIGKILL stage", rng)
        troubles += disturbed(project, name, "SIGKILL stage", rng)
        troubles += disturbed(project, name, ENDINGS[turn % len(ENDINGS)], rng)
        troubles += recovered(project, name, reference, ["--no-run-cache"])
        troubles += disturbed(project, name, "SIGKILL dvc", rng)
        troubles += recovered(project, name, reference, [])
        failed += bool(troubles)
        print(f"{time.monotonic() - started:6.0f} s  {name:24s} {'; '.join(troubles) or 'sound'}", flush=True)
    project.repro()
    if project.lock != reference:
        failed += 1
        print("the lock file differs at the end")
    print(
        f"{failed} of {len(options.stages or project.stages())} stages in trouble, {time.monotonic() - started:.0f} s"
    )
    return int(failed > 0)


def disturbed(project: Project, name: str, way: str, rng: random.Random) -> list[str]:
    """Run a stage by force and end it ``way`` at a random moment; what is wrong then."""
    dvc = project.dvc("repro", "-s", "-f", name)
    stage = wait_for_stage(dvc)
    if stage is not None:
        with contextlib.suppress(psutil.Error):
            stage.wait(timeout=rng.uniform(0, START + seconds(project, name)))
    strike(dvc, stage, way)
    with contextlib.suppress(Exception):
        dvc.wait(timeout=15)
    orphans = project.orphans(seconds=15)
    inside = [path for path in project.leftovers() if not path.startswith("data/.tmp/")]
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


def seconds(project: Project, name: str) -> float:
    """How long the stage's own work took in the undisturbed run."""
    import json

    for key in (name, name.replace("fit@", "fit_"), f"fit@{name}"):
        record = project.folder / "data/timings" / f"{key}.json"
        if record.exists():
            return json.loads(record.read_text())["seconds"]
    return 2.0


def strike(dvc, stage: psutil.Process | None, way: str) -> None:
    number, target = way.split()
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        if target == "stage" and stage is not None:
            stage.send_signal(getattr(signal, number))
        elif target == "dvc":
            dvc.send_signal(getattr(signal, number))
        elif target == "group":
            os.killpg(dvc.pid, getattr(signal, number))


def recovered(project: Project, name: str, reference: str, arguments: list[str]) -> list[str]:
    """Let ``dvc repro`` go on; what is wrong then."""
    how = " ".join(arguments) or "run cache"
    try:
        project.repro("-s", *arguments, name)
    except AssertionError as error:
        return [f"{how}: {error}"]
    troubles = [] if project.lock == reference else [f"{how}: another lock file"]
    return troubles + [f"{how}: left {path}" for path in project.leftovers() if "--no-run-cache" in arguments]


if __name__ == "__main__":
    sys.exit(main())
