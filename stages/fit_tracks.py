"""Fit the trajectory detector on the person boxes of the training clips: data/models/tracks."""

from vad.detectors import fitted, registry, tracks
from vad.pipeline import params, stage
from vad.protocol.fitting import Plan


@fitted.or_stands_aside("tracks")
def main() -> dict:
    plan = Plan.of(registry.declared("tracks"))
    if reason := plan.why_not():
        return fitted.stand_aside(plan, reason)
    settings = params.section("tracks", tracks.Params)
    states = {}
    for fold in plan.folds:
        states[fold.name] = tracks.fit(plan.clips(fold.fit), settings, plan.seed)
    return fitted.save(plan, settings, states)


if __name__ == "__main__":
    stage.run(main, name="fit@tracks")
