"""Train the spatio-temporal autoencoder; an interrupted training goes on where it was: data/models/stae."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("stae")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import stae

    settings = params.section("stae", stae.Params)
    states = {}
    for fold in plan.folds:
        states[fold.name] = stae.fit(plan.clips(fold.fit), settings, plan.seed)
    return fitted.save(plan, settings, states)


if __name__ == "__main__":
    stage.run(main, name="fit@stae")
