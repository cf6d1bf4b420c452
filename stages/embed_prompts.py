"""Embed the zero-shot prompts with the text side of the encoder: the whole of the zero-shot detector's fit."""

import logging

from vad import params, stage, zeroshot
from vad.encoders import semantic
from vad.frames import FrameStore
from vad.harness import detectors


def main() -> dict:
    if reason := detectors.why_not("zeroshot", FrameStore()):
        logging.info("zeroshot does not run: %s", reason)
        detectors.save("zeroshot", {}, {"skipped": reason})
        return {"frames": 0}
    section = params.section("zeroshot", zeroshot.Params)
    encoder = semantic.load(params.section("encoder", semantic.Params))
    state = zeroshot.fit([], section, params.common().seed, encoder)
    meta = {"frames": 0, "encoder": encoder.name, "prompts": section.prompts}
    detectors.save("zeroshot", {"all": state}, meta)
    return {"frames": 0}


if __name__ == "__main__":
    stage.run(main, name="fit_zeroshot")  # the name under which its cost is reported
