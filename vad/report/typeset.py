"""LaTeX to PDF with whatever engine there is, to the same bytes each time."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from vad.pipeline import processes
from vad.pipeline.errors import UserError

INSTALL = (
    "no TeX engine found, so the report is not typeset (the .tex file is complete). Debian/Ubuntu: "
    "apt-get install latexmk texlive-latex-extra texlive-fonts-recommended lmodern; macOS: "
    "brew install --cask mactex-no-gui; anywhere: tectonic"
)
# The date that TeX sees, and that no reader does: the epoch.
REPRODUCIBLE = {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1", "TZ": "UTC", "max_print_line": "2000"}
FLAGS = ("-interaction=nonstopmode", "-halt-on-error", "-file-line-error", "-no-shell-escape")


def engine() -> str | None:
    """The first of latexmk (with pdflatex), pdflatex, tectonic that is installed."""
    for name in ("latexmk", "pdflatex", "tectonic"):
        if shutil.which(name) and (name != "latexmk" or shutil.which("pdflatex")):
            return name
    return None


def typeset(source: Path, target: Path, name: str) -> str:
    """Typeset ``source`` into ``target``; paths in the source are relative to its folder.

    Args:
        name: the engine, from :func:`engine`.

    Returns:
        the engine's log.

    Raises:
        UserError: with LaTeX's first error and its place.
    """
    with tempfile.TemporaryDirectory(prefix="tex-") as scratch:
        folder = Path(scratch)
        done = None
        for command in _commands(name, source.name, folder):
            done = processes.run(command, cwd=source.parent, env={**os.environ, **REPRODUCIBLE}, errors="replace")
            if done.returncode:
                break
        assert done is not None  # there is at least one command
        made, log = folder / f"{source.stem}.pdf", _log(folder / f"{source.stem}.log", done)
        if done.returncode or not made.exists():
            raise UserError(f"{source} cannot be typeset with {name}: {first_error(log)}")
        shutil.copyfile(made, target)
        return log


def _commands(name: str, source: str, folder: Path) -> list[list[str]]:
    if name == "latexmk":
        return [["latexmk", "-norc", "-pdf", *FLAGS, f"-outdir={folder}", source]]
    if name == "pdflatex":
        return [["pdflatex", *FLAGS, f"-output-directory={folder}", source]] * 3
    return [["tectonic", "--keep-logs", "--outdir", str(folder), source]]


def _log(path: Path, done: subprocess.CompletedProcess) -> str:
    return path.read_text(errors="replace") if path.exists() else f"{done.stdout}\n{done.stderr}"


def first_error(log: str) -> str:
    """The first error in a LaTeX log, in one line with its file and line where TeX says them."""
    lines = log.splitlines()
    for position, line in enumerate(lines):
        if re.match(r"(! |\S+:\d+: |error: )", line):
            place = next((near.strip() for near in lines[position + 1 : position + 8] if re.match(r"l\.\d+", near)), "")
            return " ".join(f"{line.removeprefix('! ')} {place if line.startswith('!') else ''}".split())
    return " ".join(lines[-1].split()) if lines else "the engine said nothing"


def overfull(log: str, points: float) -> list[str]:
    """The lines of a log that report text running more than ``points`` into the margin."""
    found = re.findall(r"^(Overfull \\hbox \(([\d.]+)pt too wide\).*)$", log, flags=re.MULTILINE)
    return [line for line, width in found if float(width) > points]
