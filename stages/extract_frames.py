"""Decode the data set at data.root into the frame store below data/."""

from vad.data import extraction, layouts, weak_runs
from vad.pipeline import params, stage


def main() -> dict:
    data = params.section("data", layouts.Params)
    settings = params.section("extract_frames", extraction.Params)
    runs = params.section("weak_clips", weak_runs.Params)
    manifest = extraction.extract(data, settings, runs=runs)
    return {"frames": int(manifest["frames"].sum())}


if __name__ == "__main__":
    stage.run(main)
