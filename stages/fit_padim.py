"""Fit PaDiM's Gaussians on the sampled normal frames: data/models/padim."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("padim")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import padim
    from vad.features import backbones

    settings = params.section("padim", padim.Params)
    backbone = backbones.load(params.section("backbone", backbones.Params))
    states = {}
    for fold in plan.folds:
        states[fold.name] = padim.fit(plan.clips(fold.fit), settings, plan.seed, backbone)
    return fitted.save(plan, settings, states, backbone)


if __name__ == "__main__":
    stage.run(main, name="fit@padim")
