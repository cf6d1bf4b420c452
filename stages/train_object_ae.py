"""Train the autoencoders of object crops and cluster their codes: data/models/object_ae."""

from vad.detectors import fitted, object_ae, registry
from vad.pipeline import params, stage
from vad.protocol.fitting import Plan


@fitted.or_stands_aside("object_ae")
def main() -> dict:
    plan = Plan.of(registry.declared("object_ae"))
    if reason := plan.why_not():
        return fitted.stand_aside(plan, reason)
    settings = params.section("object_ae", object_ae.Params)
    states = {}
    for fold in plan.folds:
        states[fold.name] = object_ae.fit(plan.clips(fold.fit), settings, plan.seed)
    return fitted.save(plan, settings, states)


if __name__ == "__main__":
    stage.run(main, name="fit@object_ae")
