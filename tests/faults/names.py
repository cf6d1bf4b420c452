"""Hostile names of cameras, clips and events through every stage, each write watched: ``python -m tests.faults.names``.

Every stage runs where nothing but what it declares exists (tests.sandbox). It has to succeed, to write nothing but what
it declares and what is kept below data/ for the next run, and no program that it starts may obey a name.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import yaml

from tests import sandbox, written
from tests.test_declared_data import SMALLER
from vad.data import weak_runs
from vad.simulation import simulate

CAMERAS = [r"x}{y}\input{^^2fetc^^2fhostname}\write18{touch pwned}", "-rf $(touch pwned) `touch pwned` %2e%2e"]
CLIPS = [
    "cam$1_{b$", "=HYPERLINK(1)", "a;touch pwned", "a\nb\x1b[31m", "\u76e3\u63a7_01", r"a\..\..\b", "NA", "n" * 190,
    '"><img src=x onerror=alert(1)><!--<script>',
]  # fmt: skip
TYPES = [r"\input{/etc/hostname}", "</script><script>alert(1)</script>", "@SUM(A1)"]
KEPT = ("data/.tmp", "data/.cache", "data/timings", "data/checkpoints")  # outputs of no stage


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="vad-names-") as scratch:
        place = Path(scratch).resolve()
        values = yaml.safe_load((sandbox.ROOT / "params.yaml").read_text())
        for section, changed in SMALLER.items():
            values[section] |= changed
        data_set(
            place / "mine",
            simulate.Params(**values["simulate"] | {"train_clips": 2, "test_clips": 1, "weak_clips": 0}),
            weak_runs.Params(**values["weak_clips"]),
        )
        values["data"]["root"] = str(place / "mine")
        project = place / "project"
        project.mkdir()
        (project / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
        before = written.contents(place, (project,))
        for name, folder in (("TMPDIR", "temporary"), ("MPLCONFIGDIR", "temporary/matplotlib")):
            (project / folder).mkdir()
            os.environ[name] = str(project / folder)
        tempfile.tempdir = None
        watch(project)
        failed = sandbox.main(project)
        outside = (project / "outside").read_text() if (project / "outside").exists() else ""
        changed = {path for path, what in written.contents(place, (project,)).items() if before.pop(path, None) != what}
        pwned = [str(path) for path in place.rglob("pwned")]
        wrong = [*outside.splitlines(), *sorted(changed), *sorted(before), *pwned]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"hostile names: {'a stage failed' if failed else 'all stages ran'}, {len(wrong)} writes elsewhere")
    return failed or int(bool(wrong))


def data_set(root: Path, params: simulate.Params, runs: weak_runs.Params) -> None:
    """Two cameras' videos of campus-sim under hostile names, with labels and events of hostile types."""
    simulate.simulate(root.parent / "campus", params, runs, seed=0, workers=1)
    videos = sorted((root.parent / "campus/training/videos").glob("*.avi"))
    labels, events = ["clip,start,end"], ["clip,first_frame,last_frame,type"]
    for number, clip in enumerate(CLIPS):
        part, camera = ("train", "test")[number % 2], CAMERAS[number // 2 % 2]
        (root / part / camera).mkdir(parents=True, exist_ok=True)
        shutil.copy(videos[number % len(videos)], root / part / camera / f"{clip}.avi")
        if part == "test":
            cell = '"' + f"{camera}/{clip}".replace('"', '""') + '"'
            labels.append(f"{cell},20,40")
            events.append(f'{cell},20,40,"{TYPES[number // 2 % len(TYPES)]}"')
    (root / "labels.csv").write_text("\n".join(labels))
    (root / "events.csv").write_text("\n".join(events))
    shutil.rmtree(root.parent / "campus")


def watch(project: Path) -> None:
    """Have every stage of the sandbox note in ``project/outside`` what it writes where it may not."""
    execute, outputs = sandbox._execute, {}
    for name, stage in sandbox.stages(yaml.safe_load((project / "params.yaml").read_text())).items():
        outputs[project / "box" / name.replace("@", "-")] = sandbox.outputs(stage)

    def watched(command: list[str], box: Path) -> int:
        allowed = [box / path for path in (*outputs[box], *KEPT, "log")]
        there = written.contents(box)
        with written.watched() as paths:
            code = execute(command, box)
        made = [path for path, what in written.contents(box).items() if there.get(path) != what]
        parents = {str(parent) for place in allowed for parent in place.parents}
        found = set(written.outside([*paths, *made], *allowed, project / "temporary"))
        with open(project / "outside", "a") as file:
            file.writelines(f"{command[0]}: {path!r}\n" for path in sorted(found - parents))
        return code

    sandbox._execute = watched


if __name__ == "__main__":
    sys.exit(main())
