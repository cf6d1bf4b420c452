"""The stages that dvc.yaml names: what each runs, reads and makes, read without DVC."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from vad.pipeline.errors import UserError

FILE = Path("dvc.yaml")


@dataclass(frozen=True)
class Stage:
    """One stage; of a ``foreach``, one of its instances.

    Attributes:
        name: by which DVC knows it, "fit@padim"; command: the module, and its arguments, that ``python -m`` runs.
        deps, outs: paths below the project's root.
    """

    name: str
    command: tuple[str, ...]
    deps: tuple[str, ...]
    outs: tuple[str, ...]

    def needs(self, other: "Stage") -> bool:
        """Whether it reads what ``other`` makes."""
        return any(_meet(dep, out) for dep in self.deps for out in other.outs)


def stages(root: Path = Path(), values: dict[str, str] | None = None) -> list[Stage]:
    """Every stage of the project at ``root``, each after those whose outputs it reads, else in the file's order.

    Args:
        values: what stands for a ``${name}`` that the file does not say itself; others stay as they are.

    Raises:
        UserError: a stage runs something else than a Python module.
    """
    waiting = _of(_read(root), values or {})
    ordered: list[Stage] = []
    while waiting:
        ready = [stage for stage in waiting if not any(stage.needs(other) for other in waiting if other is not stage)]
        assert ready, "DVC refuses stages that need each other"
        ordered += ready
        waiting = [stage for stage in waiting if stage not in ready]
    return ordered


def detectors(root: Path = Path()) -> dict[str, dict[str, str]]:
    """What dvc.yaml says of each detector: the script that fits it, its code, what it reads."""
    return _read(root)["vars"][0]["detector"]


def _of(content: dict, values: dict[str, str]) -> list[Stage]:
    found = []
    lists = {name: own for group in content.get("vars", []) for name, own in group.items()}
    for name, own in content["stages"].items():
        instances = lists[own["foreach"].strip("${}")] if "foreach" in own else {"": {}}
        for key, item in instances.items():
            filled = _filled(own.get("do", own), values | {"key": key} | {f"item.{k}": v for k, v in item.items()})
            full = f"{name}@{key}" if key else name
            command = filled["cmd"].split()
            if command[:2] != ["python", "-m"] or len(command) < 3:
                raise UserError(f"{FILE}: stage {full} is no 'python -m <module>': {filled['cmd']}")
            outs = (out if isinstance(out, str) else next(iter(out)) for out in filled["outs"])
            found.append(Stage(full, tuple(command[2:]), tuple(dict.fromkeys(filled["deps"])), tuple(outs)))
    return found


def _read(root: Path) -> dict:
    return yaml.safe_load((root / FILE).read_text(encoding="utf-8"))


def _filled(stage: dict, values: dict[str, str]) -> dict:
    text = re.sub(r"\$\{([\w.]+)\}", lambda match: str(values.get(match[1], match[0])), yaml.safe_dump(stage))
    return yaml.safe_load(text)


def _meet(dep: str, out: str) -> bool:
    """Whether one of two paths is, holds or lies in the other."""
    one, other = Path(dep), Path(out)
    return one.is_relative_to(other) or other.is_relative_to(one)
