"""``make faults``: a small run in a folder of its own: stages killed, files damaged, the disk full, hostile names."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vad-faults-") as scratch:
        folder = Path(scratch).resolve() / "project"
        killed = subprocess.call([sys.executable, "-u", "-m", "tests.faults.kill", str(folder), *sys.argv[1:]])
        named = subprocess.Popen([sys.executable, "-u", "-m", "tests.faults.names"])  # beside the next
        flipped = subprocess.call([sys.executable, "-u", "-m", "tests.faults.flips", str(folder)])
        verified = subprocess.call([sys.executable, "-m", "stages.verify"], cwd=folder)
        full = subprocess.call([sys.executable, "-m", "tests.faults.full"])
        named.wait()
    print(f"all of it: {time.monotonic() - started:.0f} s")
    return killed or flipped or verified or full or named.returncode


if __name__ == "__main__":
    sys.exit(main())
