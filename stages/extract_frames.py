"""Decode the data set at data.root into the frame store below data/."""

from vad.data import extraction, layouts
from vad.pipeline import params, stage


def main() -> dict:
    data = params.section("data", layouts.Params)
    settings = params.section("extract_frames", extraction.Params)
    manifest = extraction.extract(data, settings)
    return {"frames": int(manifest["frames"].sum())}


if __name__ == "__main__":
    stage.run(main)
