"""Fit the densities of normal objects: data/models/objects."""

from vad.detectors import fitted, objects, registry
from vad.features import backbones
from vad.pipeline import params, stage
from vad.protocol.fitting import Plan


@fitted.or_stands_aside("objects")
def main() -> dict:
    plan = Plan.of(registry.declared("objects"))
    if reason := plan.why_not():
        return fitted.stand_aside(plan, reason)
    settings = params.section("objects", objects.Params)
    backbone = backbones.load(params.section("backbone", backbones.Params))
    states = {}
    for fold in plan.folds:
        states[fold.name] = objects.fit(plan.clips(fold.fit), settings, plan.seed, backbone)
    return fitted.save(plan, settings, states, backbone)


if __name__ == "__main__":
    stage.run(main, name="fit@objects")
