"""Fit the semantic prototypes from the cached embeddings: data/models/prototypes."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("prototypes")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import prototypes

    settings = params.section("prototypes", prototypes.Params)
    states = {}
    for fold in plan.folds:  # one of whole clips each: what is scored was never seen
        states[fold.name] = prototypes.fit(plan.clips(fold.fit), settings, plan.seed)
    return fitted.save(plan, settings, states)


if __name__ == "__main__":
    stage.run(main, name="fit@prototypes")
