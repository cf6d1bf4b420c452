"""``make faults``: a small run in a folder of its own: stages killed, files damaged, the disk full; all verified."""

import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="vad-faults-") as scratch:
        folder = Path(scratch).resolve() / "project"
        killed = subprocess.call([sys.executable, "-u", "-m", "tests.faults.kill", str(folder), *sys.argv[1:]])
        flipped = subprocess.call([sys.executable, "-u", "-m", "tests.faults.flips", str(folder)])
        verified = subprocess.call([sys.executable, "-m", "stages.verify"], cwd=folder)
        full = subprocess.call([sys.executable, "-m", "tests.faults.full"])
    return killed or flipped or verified or full


if __name__ == "__main__":
    sys.exit(main())
