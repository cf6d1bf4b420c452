"""Store SPADE's features of the sampled normal frames: data/models/spade."""

from vad.detectors import fitted, registry, spade
from vad.features import backbones
from vad.pipeline import params, stage
from vad.protocol.fitting import Plan


@fitted.or_stands_aside("spade")
def main() -> dict:
    plan = Plan.of(registry.declared("spade"))
    if reason := plan.why_not():
        return fitted.stand_aside(plan, reason)
    settings = params.section("spade", spade.Params)
    backbone = backbones.load(params.section("backbone", backbones.Params))
    states = {}
    for fold in plan.folds:
        states[fold.name] = spade.fit(plan.clips(fold.fit), settings, plan.seed, backbone)
    return fitted.save(plan, settings, states, backbone)


if __name__ == "__main__":
    stage.run(main, name="fit@spade")
