"""Embed the zero-shot prompts with the text side of the encoder: the whole of the zero-shot detector's fit."""

import logging

from vad.data.frames import FrameStore
from vad.detectors import zeroshot
from vad.features import semantic
from vad.pipeline import params, stage
from vad.protocol import fitting


def main() -> dict:
    if reason := fitting.why_not("zeroshot", FrameStore()):
        logging.info("zeroshot does not run: %s", reason)
        fitting.save("zeroshot", {}, {"skipped": reason})
        return {"frames": 0}
    section = params.section("zeroshot", zeroshot.Params)
    encoder = semantic.load(params.section("encoder", semantic.Params))
    state = zeroshot.fit([], section, params.common().seed, encoder)
    meta = {"frames": 0, "encoder": encoder.name, "prompts": section.prompts}
    fitting.save("zeroshot", {"all": state}, meta)
    return {"frames": 0}


if __name__ == "__main__":
    stage.run(main, name="fit_zeroshot")  # the name under which its cost is reported
