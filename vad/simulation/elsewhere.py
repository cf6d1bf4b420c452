"""Whether campus-sim is wanted at all: data.root may name another data set, which must not wait for it."""

import logging
from pathlib import Path

from vad.pipeline import artifacts
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)

NOTE = "Not rendered: data.root names another data set. Set it to this folder and run 'dvc repro'.\n"


def is_elsewhere(root: object, rendered: Path) -> bool:
    """Whether ``data.root`` is another folder than ``rendered``, where campus-sim goes.

    Raises:
        UserError: it is no folder. This stage comes first, so it is here that it can be said plainly.
    """
    if not isinstance(root, str) or not root.strip():
        raise UserError(f"params.yaml: data.root = {root!r}: must be the folder of a data set (data/README.md)")
    path = Path(root)
    if path.resolve() == rendered.resolve():
        return False
    if path.is_dir():
        return True
    if root.startswith("~"):
        raise UserError(f"params.yaml: data.root = {root}: write the folder in full, {path.expanduser()}")
    way_out = "give the folder of a data set"
    if not path.is_absolute():
        way_out += (
            ", from the project's own folder or in full; an experiment outside the workspace (dvc exp run --temp or "
            f"--queue) has only what Git and DVC track: write {path.absolute()}, or 'dvc add' it"
        )
    raise UserError(f"params.yaml: data.root = {root} is not a folder here; {way_out}")


def leave_out(rendered: Path) -> dict:
    """Put a note in place of campus-sim."""
    log.info("campus-sim is not rendered: data.root names another data set")
    with artifacts.replacing(rendered) as folder:
        folder.mkdir()
        (folder / "README.txt").write_text(NOTE)
    return {"frames": 0}
