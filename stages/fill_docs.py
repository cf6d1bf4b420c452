"""Fill the tables of README.md and docs/ from runs and the picture of the rooms from the code: no figure is typed.

``python -m stages.fill_docs --keep ped2`` first keeps the metrics of the run in the workspace as
``docs/results/ped2.json``. Which marks a page may have: ``vad.benchmark.pages``.
"""

import argparse
import json
from pathlib import Path

from vad.benchmark import pages
from vad.pipeline import artifacts, params, stage
from vad.pipeline.errors import UserError


def keep(name: str) -> None:
    """Merge metrics/*.json of the workspace into docs/results/<name>.json."""
    values = {path.stem: json.loads(path.read_text()) for path in sorted(Path("metrics").glob("*.json"))}
    if not values:
        raise UserError("metrics/ is empty: run 'dvc repro' first")
    values["run"] = {"protocol": params.common().protocol, "seed": params.common().seed}
    artifacts.save_json(pages.RESULTS / f"{name}.json", values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", metavar="NAME", help="keep the workspace's metrics under this data set's name first")
    arguments = parser.parse_args()
    if arguments.keep:
        keep(arguments.keep)
    for page in [Path("README.md"), *sorted(Path("docs").glob("*.md"))]:
        before = page.read_text(encoding="utf-8")
        if (filled := pages.fill(before)) != before:
            page.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    stage.run(main, alone=False)
