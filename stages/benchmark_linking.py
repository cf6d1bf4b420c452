"""How well objects are linked to tracks, by campus-sim's own identities: ``python -m stages.benchmark_linking``.

In: data/objects of a run on campus-sim, params.yaml. The trackers that linking is compared with are installed apart; a
line says how.
"""

import argparse

import pandas as pd

from vad.benchmark import linking
from vad.data.frames import DATA
from vad.perception import tracking
from vad.pipeline import artifacts, params, stage
from vad.pipeline.errors import UserError
from vad.simulation import simulate


def main() -> None:
    options = parse()
    settings = params.section("simulate", simulate.Params)
    ways = linking.linkings(params.section("link_tracks", tracking.Params))
    plans = simulate.plan(settings, params.common().seed)
    plans = [plan for plan in plans if (DATA / "objects" / f"{plan.name}.parquet").exists()][: options.clips]
    if not plans:
        raise UserError("no boxes of campus-sim's clips in data/objects: 'dvc repro extract_objects' first")
    found = {plan.name: artifacts.load_table(DATA / "objects" / f"{plan.name}.parquet") for plan in plans}
    truth = linking.identities(plans)
    rows = {
        name: linking.judged(truth, {clip: link(boxes) for clip, boxes in found.items()}) for name, link in ways.items()
    }
    people = sum(table["track"].nunique() for table in truth.values())
    seen, boxes = (sum(map(len, tables.values())) for tables in (truth, found))
    print(f"{len(plans)} clips, {people} actors, {seen} boxes seen, {boxes} found")
    print(pd.DataFrame(rows).T.round(3).to_string())
    if options.json:
        artifacts.save_json(options.json, rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, metavar="N", help="only the first N clips")
    parser.add_argument("--json", metavar="FILE", help="also write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    stage.run(main, alone=False)
