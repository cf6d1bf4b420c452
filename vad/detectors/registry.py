"""The detectors by name. A module of this package that declares what it reads is one; there is no list to keep.

A detector is one module (or package) with the constants of ``vad.protocol.declaration``, ``class Params(Section)``,
``fit(clips, params, seed[, backbone]) -> state`` and ``Detector(state, params[, backbone])`` with
``score(clip) -> (scores, maps)``. See docs/adding-a-detector.md.
"""

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

from vad.pipeline import params
from vad.pipeline.errors import UserError
from vad.protocol import declaration
from vad.protocol.declaration import Declaration

FOLDER = Path(__file__).parent


@cache
def names() -> tuple[str, ...]:
    """Every detector, in alphabetical order."""
    inside = {path.stem for path in FOLDER.glob("*.py")} | {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    return tuple(name for name in sorted(inside - {"__init__"}) if declaration.read(declaration.source(FOLDER, name)))


def declared(name: str) -> Declaration:
    """What detector ``name`` declares.

    Raises:
        UserError: there is no such detector.
    """
    if name not in names():
        raise UserError(f"there is no detector '{name}'; choose from {', '.join(names())}")
    found = declaration.read(declaration.source(FOLDER, name))
    assert found is not None
    return found


def module(name: str) -> ModuleType:
    """The module of detector ``name``."""
    return importlib.import_module(f"vad.detectors.{declared(name).name}")


def switches() -> dict[str, bool]:
    """Section ``detectors`` of params.yaml: whether each runs, in that file's order.

    Raises:
        UserError: there is no such detector, or its switch is not true or false.
    """
    switched = params.switches()
    for name in switched:
        if name not in names():
            raise UserError(
                f"{params.PARAMS_FILE}: detectors.{name} is not a detector; choose from {', '.join(names())}"
            )
    return switched


def reading(source: str) -> list[str]:
    """The detectors that are switched on and read ``source``: what nobody reads need not be made."""
    return [name for name, runs in switches().items() if runs and source in declared(name).reads]
