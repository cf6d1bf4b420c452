"""Where a report's numbers come from: code revision, package versions, machine."""

import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path

# What decides the numbers; other files may change without changing them.
TRACKED = ("stages", "vad", "dvc.yaml", "params.yaml", "requirements.txt", ":(glob)report/**/*.j2")
PACKAGES = (
    "numpy", "scipy", "pandas", "scikit-learn", "opencv-python-headless", "torch", "timm", "open-clip-torch",
    "sentence-transformers", "av", "matplotlib", "dvc",
)  # fmt: skip


def revision() -> str:
    """The last commit that touched what decides the numbers, and whether those files were changed since."""
    commit = _git("log", "-1", "--format=%h", "--abbrev=10", "--", *TRACKED)
    if not commit:
        return "not under version control"
    return f"{commit}, modified" if _git("status", "--porcelain", "--", *TRACKED) else commit


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Python's version and those of the ``packages`` that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def processor(path: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's model."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
