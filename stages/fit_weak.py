"""Learn regions' evidence from one label per video, and save the model: data/models/weak."""

from vad.detectors import fitted, registry, weak
from vad.pipeline import params, stage
from vad.protocol.fitting import Plan


@fitted.or_stands_aside("weak")
def main() -> dict:
    plan = Plan.of(registry.declared("weak"))
    if reason := plan.why_not() or why_not(plan):
        return fitted.stand_aside(plan, reason)
    settings = params.section("weak", weak.Params)
    states, of_labels = {}, {}
    for fold in plan.folds:
        # Where all labels are those of weakly labelled clips, no fold has its own: one fit serves all.
        key = tuple(sorted(fold.fit["clip"].unique()))
        if key not in of_labels:
            of_labels[key] = weak.fit(plan.labelled(fold.fit), settings, plan.seed)
        states[fold.name] = of_labels[key]
    return fitted.save(plan, settings, states)


def why_not(plan: Plan) -> str | None:
    """Why no video-level labels can be learnt from."""
    if plan.protocol == "one_class":
        return "protocol one_class lets nobody see a labelled anomaly"
    reasons = [weak.why_not(plan.labelled(fold.fit)) for fold in plan.folds]
    return next((reason for reason in reasons if reason), None)


if __name__ == "__main__":
    stage.run(main, name="fit@weak")
