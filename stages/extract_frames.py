"""Decode the data set at data.root into the frame store below data/."""

from vad import params, stage
from vad.ingest import extraction, layouts


def main() -> dict:
    data = params.section("data", layouts.Params)
    settings = params.section("extract_frames", extraction.Params)
    manifest = extraction.extract(data, settings)
    return {"frames": int(manifest["frames"].sum())}


if __name__ == "__main__":
    stage.run(main)
