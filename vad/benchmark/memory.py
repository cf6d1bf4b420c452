"""Peak memory of PaDiM's fit on few and on many frames: it is to grow with the scenes, not with the frames.

Each fit runs in a process of its own. The frames are spread evenly over all training clips, so that few and many show
the same scenes, of which each has its own Gaussians.
"""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from vad.benchmark import footage
from vad.benchmark.table import Bar, Figure, absent
from vad.data.frames import Clip, FrameStore
from vad.detectors import padim, registry
from vad.features import backbones
from vad.pipeline import params
from vad.pipeline.errors import UserError
from vad.protocol import fitting

FEW, MANY = 500, 2000  # frames
BAR = Bar("<=", 1.2, "ratio")


def peak_of_fit(store: FrameStore, frames: int) -> float:
    """Fit PaDiM on ``frames`` training frames; returns this process's peak of resident memory, MiB."""
    clips = footage.evenly(footage.training(store), frames)
    backbone = backbones.load(params.section("backbone", backbones.Params))
    padim.fit(clips, params.section("padim", padim.Params), params.common().seed, backbone)
    return own_peak()


def own_peak() -> float:
    """This process's peak of resident memory, MiB.

    Not ``resource.getrusage``: what that counts begins with the memory of the process which started this one.
    """
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024


def of_process(command: Sequence[str]) -> float:
    """What a fresh process that runs ``command`` prints last: its peak, MiB.

    Raises:
        UserError: it failed or was killed.
    """
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode < 0:
        raise UserError(f"it was killed by signal {-process.returncode}, most likely for want of memory")
    if process.returncode:
        raise UserError((process.stderr.strip().splitlines() or ["it failed without a message"])[-1])
    return float(process.stdout.split()[-1])


def figures(store: FrameStore, clips: Sequence[Clip], peak: Callable[[int], float]) -> list[Figure]:
    """The rows of the table.

    Args:
        clips: all training clips of ``store``; peak: frames to fit on -> peak of a fresh process that does so, MiB.
    """
    names = [f"padim fit peak, {frames} frames" for frames in (FEW, MANY)]
    scenes, total = len({clip.scene for clip in clips}), sum(len(clip.frames) for clip in clips)
    reason = f"it needs {MANY} training frames, and there are {total}" if total < MANY else None
    if reason := fitting.why_not(registry.declared("padim"), store) or reason:
        return [absent(names[1], reason, BAR)]
    try:
        few, many = (peak(frames) for frames in tqdm((FEW, MANY), desc="peak memory", unit="fit"))
    except UserError as error:
        return [absent(names[1], str(error), BAR)]
    remark = f"of that on {FEW}; spread over {scenes} scene{'s' * (scenes > 1)}, fresh processes"
    return [Figure(names[0], few, "MiB"), Figure(names[1], many, "MiB", many / few, BAR, remark)]
