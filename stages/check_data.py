"""Say what is wrong with data.root before DVC looks at it: DVC's own words for the project's folder do not name it."""

from pathlib import Path

from vad.data import layouts
from vad.pipeline import params, stage
from vad.simulation import elsewhere


def main() -> None:
    elsewhere.is_elsewhere((params.read_file().get("data") or {}).get("root"), Path("data/campus-sim"))
    params.section("data", layouts.Params)


if __name__ == "__main__":
    stage.run(main, alone=False)
