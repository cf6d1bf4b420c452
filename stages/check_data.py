"""What DVC would trip over, before it looks: a data.root that cannot be, and a lock that a killed ``dvc`` left broken.

DVC's own words for the project's folder do not name it, and it refuses every command where its lock is half-written.
"""

import logging
from pathlib import Path

from vad.data import layouts
from vad.pipeline import params, stage, verification
from vad.simulation import elsewhere


def main() -> None:
    for problem in verification.of_locks():
        verification.mend(problem)
        logging.info("%s: a killed dvc left it half-written; it is gone, DVC starts a new one", problem.path)
    elsewhere.is_elsewhere((params.read_file().get("data") or {}).get("root"), Path("data/campus-sim"))
    params.section("data", layouts.Params)


if __name__ == "__main__":
    stage.run(main, alone=False)
