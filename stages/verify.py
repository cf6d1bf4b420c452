"""Check every output in the workspace against dvc.lock, every object of DVC's cache against its name, and DVC's locks.

python -m stages.verify           says what is damaged
python -m stages.verify --mend    deletes that, in the workspace and in the cache; 'dvc repro' makes it again
"""

import argparse
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from vad.pipeline import stage, verification
from vad.pipeline.errors import UserError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mend", action="store_true", help="delete what is damaged")
    mend = parser.parse_args().mend
    cache = cache_folder()
    found = [*verification.of_locks(), *verification.of_workspace(cache), *damaged(cache)]
    for problem in found:
        logging.info("%s", problem)
    if not found:
        logging.info("everything is as it was made")
    elif not mend:
        raise UserError(
            f"{len(found)} files are not what was made: 'make mend' deletes them, 'dvc repro' makes them anew"
        )
    else:
        for problem in found:
            verification.mend(problem)
        logging.info("deleted; 'dvc repro' makes them anew")


def cache_folder() -> Path:
    """DVC's cache, wherever its configuration puts it."""
    done = subprocess.run([sys.executable, "-m", "dvc", "cache", "dir"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"'dvc cache dir' failed: {done.stderr.strip()}")
    return Path(done.stdout.strip())


def damaged(cache: Path) -> list[verification.Problem]:
    """The objects of the cache that are not what their names say."""
    found = verification.objects(cache)
    with ThreadPoolExecutor(stage.workers()) as pool:
        sound = tqdm(pool.map(verification.is_sound, found), total=len(found), desc="cache", unit="file")
        return [verification.Problem(path, "damaged") for path, good in zip(found, sound, strict=True) if not good]


if __name__ == "__main__":
    stage.run(main, alone=False)
