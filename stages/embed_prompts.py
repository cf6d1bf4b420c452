"""Embed the zero-shot prompts with the text side of the encoder: the whole of the zero-shot detector's fit."""

from vad.detectors import fitted, registry, zeroshot
from vad.features import encoders, semantic
from vad.pipeline import params, stage
from vad.protocol.fitting import Plan


@fitted.or_stands_aside("zeroshot")
def main() -> dict:
    plan = Plan.of(registry.declared("zeroshot"))
    if reason := plan.why_not():
        return fitted.stand_aside(plan, reason)
    settings = params.section("zeroshot", zeroshot.Params)
    encoder = encoders.load(params.section("encoder", semantic.Params))
    states = {fold.name: zeroshot.fit([], settings, plan.seed, encoder) for fold in plan.folds}
    return fitted.save(plan, settings, states, encoder_name=encoder.name)


if __name__ == "__main__":
    stage.run(main, name="fit@zeroshot")
