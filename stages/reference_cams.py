"""Average the class activation maps of the reference frames: data/models/gradcam."""

from vad.detectors import fitted, gradcam, registry
from vad.features import backbones
from vad.pipeline import params, stage
from vad.protocol.fitting import Plan


@fitted.or_stands_aside("gradcam")
def main() -> dict:
    plan = Plan.of(registry.declared("gradcam"))
    if reason := plan.why_not():
        return fitted.stand_aside(plan, reason)
    settings = params.section("gradcam", gradcam.Params)
    backbone = backbones.load(params.section("backbone", backbones.Params))
    states = {}
    for fold in plan.folds:
        states[fold.name] = gradcam.fit(plan.clips(fold.fit), settings, plan.seed, backbone)
    return fitted.save(plan, settings, states, backbone)


if __name__ == "__main__":
    stage.run(main, name="fit@gradcam")
