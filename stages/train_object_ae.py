"""Train the autoencoders of object crops and cluster their codes: data/models/object_ae."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("object_ae")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import object_ae

    settings = params.section("object_ae", object_ae.Params)
    states = {}
    for fold in plan.folds:
        states[fold.name] = object_ae.fit(plan.clips(fold.fit), settings, plan.seed)
    return fitted.save(plan, settings, states)


if __name__ == "__main__":
    stage.run(main, name="fit@object_ae")
