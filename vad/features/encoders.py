"""The joint image-text encoders by name."""

from vad.features.semantic import Encoder, Params


def load(params: Params) -> Encoder:
    """The encoder that ``params`` names, on the stage's device.

    Raises:
        UserError: its weights cannot be had; the line says from where they were wanted and what avoids it.
    """
    if params.name == "open_clip":
        from vad.features.openclip import OpenClip

        return OpenClip(params)
    from vad.features.conse import Conse

    return Conse(params)
