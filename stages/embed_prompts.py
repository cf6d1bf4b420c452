"""Embed the zero-shot prompts with the text side of the encoder: the whole of the zero-shot detector's fit."""

from vad.detectors import fitted
from vad.pipeline import params, stage


@fitted.or_stands_aside("zeroshot")
def main(plan: "fitted.Plan") -> dict:
    from vad.detectors import zeroshot
    from vad.features import encoders, semantic

    settings = params.section("zeroshot", zeroshot.Params)
    encoder = encoders.load(params.section("encoder", semantic.Params))
    states = {fold.name: zeroshot.fit([], settings, plan.seed, encoder) for fold in plan.folds}
    return fitted.save(plan, settings, states, encoder_name=encoder.name)


if __name__ == "__main__":
    stage.run(main, name="fit@zeroshot")
