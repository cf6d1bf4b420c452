"""Which modules of the project a script computes with: DVC sees no imports."""

import functools
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent


@functools.cache
def graph() -> grimp.ImportGraph:
    """The import graph of the library, the stage scripts and the app, imports inside functions too."""
    return grimp.build_graph("vad", "stages", "app", cache_dir=None)


def behind(module: str) -> set[str]:
    """Modules of the library that ``module`` imports, directly or not, itself included where it is one."""
    found = {module} | graph().find_upstream_modules(module)
    return {name for name in found if name.startswith("vad.")}


def file(module: str) -> str:
    """The source file of ``module``, relative to the project's root."""
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"
