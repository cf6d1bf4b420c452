"""Fit what comes to rest where, and for how long, on the training clips: data/models/stillness."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("stillness")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import stillness

    settings = params.section("stillness", stillness.Params)
    states = {}
    for fold in plan.folds:
        states[fold.name] = stillness.fit(plan.clips(fold.fit), settings, plan.seed)
    return fitted.save(plan, settings, states)


if __name__ == "__main__":
    stage.run(main, name="fit@stillness")
