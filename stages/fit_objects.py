"""Fit the densities of normal objects: data/models/objects."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("objects")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import objects
    from vad.features import backbones

    settings = params.section("objects", objects.Params)
    backbone = backbones.load(params.section("backbone", backbones.Params))
    states = {}
    for fold in plan.folds:
        states[fold.name] = objects.fit(plan.clips(fold.fit), settings, plan.seed, backbone)
    return fitted.save(plan, settings, states, backbone)


if __name__ == "__main__":
    stage.run(main, name="fit@objects")
