"""What a detector's module declares about itself, read from its source without importing it.

A stage that only asks who reads what, or how a detector is called, need not load networks for it. The constants are
plain literals at the top of ``vad/detectors/<name>.py``, or of ``<name>/__init__.py`` where it is a package:

- ``TITLE``: how people call it;
- ``READS``: what it looks at, out of :data:`SOURCES`;
- ``ROLE``: the role of the sample that it is fitted on (``vad.protocol.sampling``);
- ``LABELLED``: whether it learns from labelled anomalies, and is therefore cross-fitted over clips;
- ``NEEDS_BACKBONE``: whether it takes the loaded backbone as last argument (default False);
- ``REVISION``: raised when what a fit leaves behind means something else than before, so that no model of then is read
  as one of now (default 1);
- ``BENCHMARK``: what ``make benchmark`` times, "fit" or "score", each with its bar or None (default: nothing).
"""

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SWITCHED_OFF = "switched off in params.yaml (detectors)"  # why a detector does not run
SOURCES = ("frames", "objects", "tracks", "embeddings")


@dataclass(frozen=True)
class Declaration:
    """One detector's constants; ``description`` is its docstring, each paragraph on a line."""

    name: str
    title: str
    description: str
    reads: tuple[str, ...]
    role: str
    labelled: bool
    needs_backbone: bool = False
    revision: int = 1
    benchmark: dict[str, str | None] = field(default_factory=dict)

    @property
    def needs_pixels(self) -> bool:
        """Whether a clip that is known by its tracks alone is of no use to it."""
        return self.reads != ("tracks",)


def source(folder: Path, name: str) -> Path:
    """The file in which detector ``name`` declares itself."""
    package = folder / name / "__init__.py"
    return package if package.exists() else folder / f"{name}.py"


@cache
def read(file: Path) -> Declaration | None:
    """The declaration in ``file``; None where it declares no ``READS`` and so is no detector.

    Raises:
        ValueError: a constant is missing, no literal, or names an unknown source.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }
    if "READS" not in constants:
        return None
    if missing := {"TITLE", "READS", "ROLE", "LABELLED"} - constants.keys():
        raise ValueError(f"{file}: a detector declares {', '.join(sorted(missing))} too")
    known = ("TITLE", "READS", "ROLE", "LABELLED", "NEEDS_BACKBONE", "REVISION", "BENCHMARK")
    value = {key: ast.literal_eval(constants[key]) for key in known if key in constants}
    if not value["READS"] or not set(value["READS"]) <= set(SOURCES):
        raise ValueError(f"{file}: READS = {value['READS']!r}: a tuple out of {', '.join(SOURCES)}")
    return Declaration(
        name=file.parent.name if file.name == "__init__.py" else file.stem,
        title=value["TITLE"],
        description="\n\n".join(" ".join(part.split()) for part in (ast.get_docstring(tree) or "").split("\n\n")),
        reads=tuple(value["READS"]),
        role=value["ROLE"],
        labelled=value["LABELLED"],
        needs_backbone=value.get("NEEDS_BACKBONE", False),
        revision=value.get("REVISION", 1),
        benchmark=value.get("BENCHMARK", {}),
    )
