"""Learn regions' evidence from one label per video, and save the model: data/models/weak."""

from vad.detectors import fitted
from vad.pipeline import params, stage
from vad.pipeline.errors import CannotFit


@fitted.or_stands_aside("weak")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import weak

    if reason := why_not(plan):
        raise CannotFit(reason)
    settings = params.section("weak", weak.Params)
    states, of_labels = {}, {}
    for fold in plan.folds:
        # Where all labels are those of weakly labelled clips, no fold has its own: one fit serves all.
        key = tuple(sorted(fold.fit["clip"].unique()))
        if key not in of_labels:
            of_labels[key] = weak.fit(plan.labelled(fold.fit), settings, plan.seed)
        states[fold.name] = of_labels[key]
    return fitted.save(plan, settings, states)


def why_not(plan: "fitted.Plan") -> str | None:
    """Why no video-level labels can be learnt from."""
    from vad.detectors import weak

    if plan.protocol == "one_class":
        return "protocol one_class lets nobody see a labelled anomaly"
    reasons = [weak.why_not(plan.labelled(fold.fit)) for fold in plan.folds]
    return next((reason for reason in reasons if reason), None)


if __name__ == "__main__":
    stage.run(main, name="fit@weak")
