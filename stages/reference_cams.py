"""Average the class activation maps of the reference frames: data/models/gradcam."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("gradcam")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import gradcam
    from vad.features import backbones

    settings = params.section("gradcam", gradcam.Params)
    backbone = backbones.load(params.section("backbone", backbones.Params))
    states = {}
    for fold in plan.folds:
        states[fold.name] = gradcam.fit(plan.clips(fold.fit), settings, plan.seed, backbone)
    return fitted.save(plan, settings, states, backbone)


if __name__ == "__main__":
    stage.run(main, name="fit@gradcam")
