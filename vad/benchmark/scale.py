"""How every stage's time and memory grow with the data: a small data set, then four and sixteen times as much.

Each stage runs in a process of its own, as DVC runs it, on one core: processes and threads that share a core's units,
its caches and its memory slow each other down the more, the longer they overlap, which is no growth. The smaller sizes
run several times: what a stage costs there is mostly its start, of which the exponent needs to know the hundredths.
What samples may hold (balance_sample, max_fit_frames, boxes, ...) is set to what the smallest data set fills, so that
nothing still grows towards a bound of its own: what is seen is how a stage grows for good. Trainings are cut to a few
steps, which cost the same however much data there is.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from tqdm import tqdm

from vad.pipeline import artifacts, params, wiring
from vad.pipeline.errors import UserError

TIMES = (1, 4, 16)
RUNS = (3, 3, 1)  # of each size
BARS = {"time": 1.05, "memory": 0.1}  # largest exponents
NOISE = 2.0  # seconds of CPU by which a stage must differ between the smallest and the largest before growth is told
ALONE = {"VAD_WORKERS": "1", "OMP_NUM_THREADS": "1"}  # one core, unless the environment says otherwise
POLL = 0.05  # seconds between two looks at memory

# The data set of once: rendered, with labels, masks, events and clips of one label.
ONCE = {"train_clips": 6, "test_clips": 4, "weak_clips": 8}
FIXED = {
    "simulate": {"frames": 80, "width": 320, "height": 180, "scenes": 2, "weak_frames": 120},
    "balance_sample": {
        "normal": 100, "cam_reference": 20, "prototypes_per_class": 60, "test_per_class": 40, "calibration": 48,
    },
    "spade": {"gallery": 60, "neighbours": 10},
    "prototypes": {"k": 10},
    "motion": {"max_fit_frames": 100},
    "stillness": {"max_fit_frames": 100, "max_things": 100},
    "extract_objects": {"max_fit_frames": 100},
    "objects": {"max_objects": 100},
    "object_ae": {"max_objects": 100, "steps": 20},
    "tracks": {"boxes": 100, "scene_boxes": 100, "max_fit_frames": 100, "components": 2},
    "stae": {"steps": 8, "max_frames": 200, "holdout_windows": 8},
    "weak": {"steps": 20, "trees": 10, "max_regions": 100},
    "evaluation": {"resamples": 200},
    "pictures": {"clips_per_page": 4},
}  # fmt: skip


@dataclass
class Growth:
    """What one stage took at each size.

    Attributes:
        seconds: wall clock; cpu: seconds of all cores, its children's too; both the least of its runs.
        peak_mib: largest resident memory of the process and its children together, the median of its runs.
        frames: stored frames of the data set at each size.
    """

    name: str
    frames: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)

    def add(self, frames: int, costs: Sequence[tuple[float, float, float]]) -> None:
        """Take in what the stage's runs on a data set of ``frames`` cost, as :func:`run` gives it."""
        seconds, cpu, peaks = zip(*costs, strict=True)
        self.frames.append(frames)
        self.seconds.append(min(seconds))
        self.cpu.append(min(cpu))
        self.peak_mib.append(float(np.median(peaks)))

    @property
    def time_exponent(self) -> float | None:
        """Of CPU seconds, the cost of starting taken off; None where they hardly differ."""
        return exponent(self.frames, self.cpu) if self.cpu[-1] - self.cpu[0] >= NOISE else None

    @property
    def memory_exponent(self) -> float:
        """Of the peak, the interpreter and its libraries included: the slope of its logarithm over that of frames."""
        return float(np.polyfit(np.log(self.frames), np.log(self.peak_mib), 1)[0])

    @property
    def per_thousand(self) -> tuple[float, float]:
        """CPU seconds and MiB that 1,000 more frames cost, between the two largest sizes."""
        more = (self.frames[-1] - self.frames[-2]) / 1000
        return (self.cpu[-1] - self.cpu[-2]) / more, (self.peak_mib[-1] - self.peak_mib[-2]) / more

    @property
    def starting(self) -> float:
        """CPU seconds that do not grow: where the line through the two smallest sizes begins, at least 0."""
        (few, more), (low, high) = self.frames[:2], self.cpu[:2]
        return max(0.0, low - (high - low) * few / (more - few))

    @property
    def met(self) -> bool:
        """Whether both exponents keep the bars."""
        return (self.time_exponent or 0) <= BARS["time"] and self.memory_exponent <= BARS["memory"]

    def row(self) -> dict[str, object]:
        """Everything for JSON."""
        seconds, mib = self.per_thousand
        return asdict(self) | {
            "time_exponent": self.time_exponent,
            "memory_exponent": self.memory_exponent,
            "seconds_per_1000": seconds,
            "mib_per_1000": mib,
            "met": self.met,
        }


def exponent(frames: Sequence[int], costs: Sequence[float]) -> float:
    """p of cost = a + b frames^p through three points whose frames grow by equal factors: a drops out.

    Returns:
        0 where the last cost is no higher than the second, NaN where the second is no higher than the first.
    """
    first, second, third = costs
    if not third > second > first:
        return 0.0 if third <= second else float("nan")
    low, high = np.log(frames[1] / frames[0]), np.log(frames[2] / frames[1])
    return float(np.log((third - second) / (second - first)) / ((low + high) / 2))


def sized(values: dict, times: int) -> dict:
    """``values``, a whole params.yaml, for a data set ``times`` as large as the smallest.

    Sections and keys that it lacks are left out.
    """
    values = deepcopy(values)
    wanted = {name: dict(own) for name, own in FIXED.items()}
    wanted["simulate"] |= {name: count * times for name, count in ONCE.items()}
    for name, own in wanted.items():
        section = values.get(name, {})
        section |= {key: value for key, value in own.items() if key in section}
    values["data"]["root"] = "data/campus-sim"
    return values


def project(root: Path, folder: Path, times: int) -> None:
    """A folder in which the stages of the project at ``root`` run on a data set ``times`` as large."""
    folder.mkdir(parents=True)
    shutil.copytree(root / "report", folder / "report", ignore=shutil.ignore_patterns("report.tex", "report.pdf"))
    values = sized(params.read_file(root / "params.yaml"), times)
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def run(
    command: Sequence[str], folder: Path, root: Path, settings: dict[str, str] | None = None
) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MiB of ``python -m command`` in ``folder``, all its processes together.

    Raises:
        UserError: it failed; the last line that it wrote says why.
    """
    environment = ALONE | os.environ | {"PYTHONPATH": str(root)} | (settings or {})
    started = time.perf_counter()
    with open(folder / "log", "w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=folder, env=environment, stdout=log, stderr=log, text=True
        )
        peak = 0.0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak = max(peak, _resident(process.pid))
            time.sleep(POLL)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise UserError(f"{' '.join(command)} failed: {(log.read().strip().splitlines() or ['no message'])[-1]}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, peak


def _resident(pid: int) -> float:
    """MiB of the process and its children: each one's largest so far where it is alone, else what they hold now."""
    import psutil

    try:
        process = psutil.Process(pid)
        family = process.children(recursive=True)
        if not family:
            status = Path(f"/proc/{pid}/status").read_text()
            return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0.0)
        return sum(one.memory_info().rss for one in [process, *family]) / 2**20
    except (psutil.Error, OSError):
        return 0.0  # it ended meanwhile


def again(root: Path, folder: Path, times: Sequence[int], names: Sequence[str], runs: int) -> list[Growth]:
    """Run the stages ``names`` again, each ``runs`` times, in a ``folder`` that :func:`measure` left: the least counts.

    Nothing is taken from the results that are kept of each clip.

    Raises:
        UserError: there is no such stage, or the folder is not one of these sizes.
    """
    known = {step.name: step for step in wiring.stages(root)}
    for name in names:
        if name not in known:
            raise UserError(f"there is no stage '{name}'; choose from {', '.join(known)}")
    places = [folder / f"{size}x-0" for size in times]
    for place in places:
        if not place.is_dir():
            raise UserError(f"{place} is missing: give the folder of an earlier run with these --times")
    grown = {name: Growth(name) for name in names}
    with tqdm(total=len(places) * len(names) * runs, desc="again", unit="stage") as bar:
        for place in places:
            frames = len(pd.read_parquet(place / "data/frames.parquet", columns=["clip"]))
            for name, own in grown.items():
                costs = []
                for _ in range(runs):
                    bar.set_postfix_str(f"{place.name} {name}")
                    costs.append(run(known[name].command, place, root, {"VAD_CACHE_GIB": "0"}))
                    bar.update()
                own.add(frames, costs)
    return list(grown.values())


def measure(root: Path, folder: Path, times: Sequence[int] = TIMES) -> list[Growth]:
    """Run every stage of the project at ``root`` on each size below the new ``folder``.

    Raises:
        UserError: a stage failed.
    """
    wanted = wiring.stages(root)
    grown = {step.name: Growth(step.name) for step in wanted}
    with tqdm(total=sum(RUNS) * len(wanted), desc="scale", unit="stage") as bar:
        for size, runs in zip(times, RUNS, strict=True):
            costs: dict[str, list[tuple[float, float, float]]] = {step.name: [] for step in wanted}
            for number in range(runs):
                place = folder / f"{size}x-{number}"
                project(root, place, size)
                for step in wanted:
                    bar.set_postfix_str(f"{size}x {step.name}")
                    costs[step.name].append(run(step.command, place, root))
                    bar.update()
            frames = len(pd.read_parquet(place / "data/frames.parquet", columns=["clip"]))
            for name, own in grown.items():
                own.add(frames, costs[name])
            artifacts.save_json(folder / "so-far.json", {name: asdict(own) for name, own in grown.items()})
    return list(grown.values())


def started(grown: Sequence[Growth]) -> str:
    """What of the whole run does not grow with the data, in one sentence."""
    whole = sum(own.starting for own in grown)
    return (
        f"What does not grow with the data (starting {len(grown)} stages, fits on bounded samples): {whole:.0f} CPU "
        "seconds together."
    )


HEADER = "| stage | CPU s | s per 1,000 frames | exponent | peak MiB | MiB per 1,000 frames | exponent |"


def table(grown: Sequence[Growth]) -> str:
    """The figures as a Markdown table, a row a stage."""
    lines = [HEADER, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for own in grown:
        seconds, mib = own.per_thousand
        times, peaks = (
            " / ".join(f"{value:{form}}" for value in values)
            for values, form in ((own.cpu, ".1f"), (own.peak_mib, ".0f"))
        )
        told = "flat" if own.time_exponent is None else f"{own.time_exponent:.2f}"
        lines.append(
            f"| {own.name} | {times} | {seconds:.2f} | {told} | {peaks} | {mib:.1f} | {own.memory_exponent:.2f} |"
        )
    return "\n".join(lines)
