"""Fit the trajectory detector on the person boxes of the training clips: data/models/tracks."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("tracks")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import tracks

    settings = params.section("tracks", tracks.Params)
    states = {}
    for fold in plan.folds:
        states[fold.name] = tracks.fit(plan.clips(fold.fit), settings, plan.seed)
    return fitted.save(plan, settings, states, linked=plan.store.tracks.empty)


if __name__ == "__main__":
    stage.run(main, name="fit@tracks")
