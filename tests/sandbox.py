"""Run every stage where only its declared dependencies exist: ``python -m tests.sandbox FOLDER``.

``FOLDER`` holds params.yaml. Each stage gets a folder of its own with links to what it declares and nothing else, so
that a stage which reads more than it says fails, or does without. Stages are forked from this process, which has the
libraries loaded already.
"""

import contextlib
import os
import runpy
import shutil
import sys
from pathlib import Path

import yaml

from vad.pipeline import wiring
from vad.pipeline.wiring import Stage

ROOT = Path(__file__).parent.parent


def stages(values: dict) -> list[Stage]:
    """Every stage with what ``values``, of params.yaml, say of it, in the order of a run."""
    return wiring.stages(ROOT, {"data.root": values["data"]["root"]})


def link(source: Path, target: Path) -> None:
    """``target`` as a copy of ``source`` by hard links, folders too."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=os.link, dirs_exist_ok=True)
    elif not target.exists():
        os.link(source, target)


def run(stage: Stage, folder: Path) -> int:
    """Run one stage in a folder of its own and keep its outputs in ``made``; returns its exit code."""
    box, made = folder / "box" / stage.name.replace("@", "-"), folder / "made"
    box.mkdir(parents=True)
    shutil.copy(folder / "params.yaml", box / "params.yaml")
    for dep in stage.deps:
        if Path(dep).is_absolute():
            continue  # a data set elsewhere
        if (made / dep).exists():
            link(made / dep, box / dep)
        elif not dep.startswith(("vad", "stages")) and (ROOT / dep).exists() and dep != "params.yaml":
            shutil.copytree(ROOT / dep, box / dep) if (ROOT / dep).is_dir() else _copy(ROOT / dep, box / dep)
    if not (child := os.fork()):
        os._exit(_execute(list(stage.command), box))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for out in stage.outs if not code else []:
        link(box / out, made / out)
    return code


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _execute(command: list[str], box: Path) -> int:
    os.chdir(box)
    with open("log", "w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        sys.stdout = sys.stderr = log
        sys.argv = command
        try:
            runpy.run_module(command[0], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            import traceback

            traceback.print_exc()
            return 1
        finally:
            log.flush()
    return 0


def main(folder: Path) -> int:
    """Run all; prints the log of the first stage that fails."""
    with contextlib.suppress(ImportError):
        import av  # noqa: F401
        import sentence_transformers  # noqa: F401
        import sklearn.mixture  # noqa: F401
        import timm  # noqa: F401
    for stage in stages(yaml.safe_load((folder / "params.yaml").read_text())):
        if code := run(stage, folder):
            print(f"{stage.name} failed with {code} where only its declared dependencies exist:")
            print((folder / "box" / stage.name.replace("@", "-") / "log").read_text()[-3000:])
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
