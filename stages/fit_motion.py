"""Fit the normal speeds of every position from the training clips' optical flow: data/models/motion."""

from vad.detectors import fitted, motion, registry
from vad.pipeline import params, stage
from vad.protocol.fitting import Plan


@fitted.or_stands_aside("motion")
def main() -> dict:
    plan = Plan.of(registry.declared("motion"))
    if reason := plan.why_not():
        return fitted.stand_aside(plan, reason)
    settings = params.section("motion", motion.Params)
    states = {}
    for fold in plan.folds:
        states[fold.name] = motion.fit(plan.clips(fold.fit), settings, plan.seed)
    return fitted.save(plan, settings, states)


if __name__ == "__main__":
    stage.run(main, name="fit@motion")
