"""Store SPADE's features of the sampled normal frames: data/models/spade."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("spade")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import spade
    from vad.features import backbones

    settings = params.section("spade", spade.Params)
    backbone = backbones.load(params.section("backbone", backbones.Params))
    states = {}
    for fold in plan.folds:
        states[fold.name] = spade.fit(plan.clips(fold.fit), settings, plan.seed, backbone)
    return fitted.save(plan, settings, states, backbone)


if __name__ == "__main__":
    stage.run(main, name="fit@spade")
