"""Which files of this package a script computes with: DVC sees no imports, so they are read from the source."""

import ast
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# They read, write and report, and compute nothing.
PLUMBING = {f"pipeline/{name}" for name in ("artifacts", "errors", "imports", "params", "stage")}


def direct(file: Path) -> set[str]:
    """Modules of this package that ``file`` imports at its top level or inside a function.

    Named by their path in it without ".py": "data/frames", "simulation/camera".
    """
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vad":
            inside = node.module.split(".")[1:]
            names |= {"/".join([*inside, alias.name]) for alias in node.names} | {"/".join(inside)}
    return {name for name in names if (PACKAGE / f"{name}.py").exists()} - PLUMBING


def closure(file: Path, stop: frozenset[str] = frozenset()) -> set[str]:
    """:func:`direct` imports, theirs, and so on; what modules named in ``stop`` import is not followed."""
    found, waiting = set(), [Path(file)]
    while waiting:
        new = direct(waiting.pop()) - found
        found |= new
        waiting += [PACKAGE / f"{name}.py" for name in new - stop]
    return found


def digest(name: str) -> str:
    """Hash of the source of detector ``name`` and of all that it imports from this package."""
    md5 = hashlib.md5(usedforsecurity=False)
    own = f"detectors/{name}/__init__" if (PACKAGE / "detectors" / name).is_dir() else f"detectors/{name}"
    for module in sorted(closure(PACKAGE / f"{own}.py") | {own}):
        md5.update((PACKAGE / f"{module}.py").read_bytes())
    return md5.hexdigest()
