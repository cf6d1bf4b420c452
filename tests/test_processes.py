"""No process outlives what it works for, and an ended one leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

STAGE = """
import stages  # watches DVC from here on
import sys, time
from vad.pipeline import artifacts, stage
def main():
    with artifacts.replacing("data/maps/stae") as folder:
        folder.mkdir()
        print("writing", flush=True)
        time.sleep(60)
stage.run(main, name="toy")
"""
POOL = """
import stages
import time
from vad.pipeline import processes, stage
def main():
    with processes.pool(2) as pool:
        jobs = [pool.submit(time.sleep, 60) for _ in range(2)]
        pool.submit(int)
        time.sleep(1)
        print("writing", flush=True)
        jobs[0].result()
if __name__ == "__main__":
    stage.run(main, name="toy")
"""


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Starts a script below a shell, as DVC does: (the shell, the stage's pids)."""
    monkeypatch.chdir(tmp_path)

    def start(code: str, dvc: bool = True) -> tuple[subprocess.Popen, list[psutil.Process]]:
        Path("toy.py").write_text(code)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        environment |= {"DVC_STAGE": "toy"} if dvc else {}
        command = ["sh", "-c", f"{sys.executable} toy.py; exit $?"]  # a shell that stays
        shell = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
        )
        assert shell.stdout.readline() == "writing\n"
        return shell, psutil.Process(shell.pid).children(recursive=True)

    return start


def ended(processes: list[psutil.Process]) -> bool:
    """Whether all are gone within five seconds."""
    return not psutil.wait_procs(processes, timeout=5)[1]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_stage_ends_with_the_dvc_that_ran_it(started, how):
    shell, processes = started(STAGE)
    shell.send_signal(how)
    assert ended(processes)
    assert list(Path("data/.tmp").glob(".writing-*")) == []  # it had the time to tidy up


def test_a_stage_ends_with_the_dvc_that_goes_while_it_imports(started):
    shell, processes = started("import stages, time\nprint('writing', flush=True)\ntime.sleep(60)")
    shell.kill()
    assert ended(processes)


def test_a_stage_started_by_hand_outlives_its_shell(started):
    shell, processes = started(STAGE, dvc=False)
    shell.kill()
    shell.wait()
    time.sleep(0.5)
    assert processes[0].is_running()
    processes[0].kill()


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_one_line_and_leaves_nothing(started, how, code):
    shell, processes = started(STAGE)
    processes[0].send_signal(how)
    assert shell.wait(timeout=5) == code
    assert shell.stderr.read() == "toy: interrupted; 'dvc repro' goes on from the last finished stage\n"
    assert not Path("data/maps").exists()
    assert list(Path("data/.tmp").glob(".writing-*")) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_stage(started, how):
    _, processes = started(POOL)
    assert len(processes) >= 3  # the stage, two workers, and what multiprocessing adds
    processes[0].send_signal(how)
    assert ended(processes)


@pytest.mark.parametrize("started", ["stages", "vad.cli", "app"])
def test_whoever_is_started_has_one_thread_of_blas_unless_told_otherwise(started):
    """And says so before NumPy, which reads it when it is imported."""
    code = (
        f"import sys, {started}; from threadpoolctl import threadpool_info as t; import numpy;"
        "print(sorted({one['num_threads'] for one in t() if one['user_api'] == 'blas'}))"
    )
    for told, threads in (({}, "[1]"), ({"OPENBLAS_NUM_THREADS": "2"}, "[2]")):
        environment = {key: value for key, value in os.environ.items() if "_NUM_THREADS" not in key} | told
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == threads
