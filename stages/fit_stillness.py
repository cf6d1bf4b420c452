"""Fit what comes to rest where, and for how long, on the training clips: data/models/stillness."""

from vad.detectors import fitted, registry, stillness
from vad.pipeline import params, stage
from vad.protocol.fitting import Plan


@fitted.or_stands_aside("stillness")
def main() -> dict:
    plan = Plan.of(registry.declared("stillness"))
    if reason := plan.why_not():
        return fitted.stand_aside(plan, reason)
    settings = params.section("stillness", stillness.Params)
    states = {}
    for fold in plan.folds:
        states[fold.name] = stillness.fit(plan.clips(fold.fit), settings, plan.seed)
    return fitted.save(plan, settings, states)


if __name__ == "__main__":
    stage.run(main, name="fit@stillness")
