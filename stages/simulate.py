"""Render campus-sim, the embedded data set, into data/campus-sim; or, with --sheet, a contact sheet of it.

Where data.root names another data set nothing is rendered, and no parameter of the simulation is looked at.
"""

import argparse
import sys
from pathlib import Path

from vad.data import weak_runs
from vad.pipeline import params, stage
from vad.simulation import elsewhere, sheet, simulate

ROOT = Path("data/campus-sim")


def main() -> dict | None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", type=Path, metavar="JPG", help="draw a contact sheet of the rendered data and stop")
    arguments = parser.parse_args()
    if arguments.sheet:
        sheet.contact_sheet(ROOT, arguments.sheet)
        return None
    if elsewhere.is_elsewhere((params.read_file().get("data") or {}).get("root"), ROOT):
        return elsewhere.leave_out(ROOT)
    wanted = params.section("simulate", simulate.Params)
    runs = params.section("weak_clips", weak_runs.Params)
    return {"frames": simulate.simulate(ROOT, wanted, runs, params.common().seed, stage.workers())}


if __name__ == "__main__":
    sheet_only = "--sheet" in sys.argv
    stage.run(main, name="contact_sheet" if sheet_only else "simulate", alone=not sheet_only)
