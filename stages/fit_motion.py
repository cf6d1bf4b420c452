"""Fit the normal speeds of every position from the training clips' optical flow: data/models/motion."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("motion")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import motion

    settings = params.section("motion", motion.Params)
    states = {}
    for fold in plan.folds:
        states[fold.name] = motion.fit(plan.clips(fold.fit), settings, plan.seed)
    return fitted.save(plan, settings, states)


if __name__ == "__main__":
    stage.run(main, name="fit@motion")
