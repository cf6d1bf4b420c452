"""CLIP models by open_clip: a model name with a pretrained tag (downloaded) or a local checkpoint file.

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision"; ViT-B-32 with the tag
``openai`` is what the reproduced paper used. Pictures are prepared by the model's own transform.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from vad.features import backbones, lean, semantic
from vad.pipeline import stage
from vad.pipeline.errors import UserError

WAY_OUT = "give a local checkpoint as encoder.pretrained, or set encoder.name=conse, which needs no download"


class OpenClip:
    """The encoder ``open_clip``; see :class:`vad.features.semantic.Encoder`."""

    def __init__(self, params: semantic.Params) -> None:
        lean.load()
        import open_clip

        _check(params)
        self.name = f"open_clip {params.model} ({Path(params.pretrained).name})"
        self._crops, self._device = params.crops, stage.device()
        with stage.quiet():
            try:
                # A tag trained with QuickGELU needs it in the model too; open_clip would only warn.
                tag = open_clip.get_pretrained_cfg(params.model, params.pretrained)
                self._model, _, self._transform = open_clip.create_model_and_transforms(
                    params.model,
                    pretrained=params.pretrained,
                    force_quick_gelu=bool(tag.get("quick_gelu")),
                    device=self._device,
                )
                self._tokenize = open_clip.get_tokenizer(params.model)
            except Exception as error:
                reason = " ".join(str(error).split())[:200]
                raise UserError(f"encoder: {_wanted(params)} cannot be loaded ({reason}): {WAY_OUT}") from None
        self._model.eval()
        self.dim = self.encode_texts(["a frame"]).shape[1]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the model's weights."""
        return backbones.digest(self._model)

    @torch.inference_mode()
    def encode_images(self, batch: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB -> (B, D) float32 unit rows: the mean over views of each view's unit vector."""
        parts = [semantic.unit(self._encode(view)) for view in semantic.views(batch, self._crops)]
        return semantic.unit(np.mean(parts, axis=0))

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """T sentences -> (T, D) float32 unit rows."""
        tokens = self._tokenize(list(texts)).to(self._device)
        return semantic.unit(self._model.encode_text(tokens).float().cpu().numpy())

    def _encode(self, batch: np.ndarray) -> np.ndarray:
        from PIL import Image

        x = torch.stack([self._transform(Image.fromarray(image)) for image in batch])  # (B, 3, h, w)
        return self._model.encode_image(x.to(self._device)).float().cpu().numpy()


def _wanted(params: semantic.Params) -> str:
    return f"open_clip's {params.model} with weights '{params.pretrained}'"


def _check(params: semantic.Params) -> None:
    """Refuse what cannot work before open_clip tries for a minute."""
    import open_clip
    from open_clip import pretrained

    if params.model not in open_clip.list_models():
        raise UserError(f"encoder.model = '{params.model}' is no model of open_clip: see open_clip.list_models()")
    if Path(params.pretrained).is_file():
        return
    tags = open_clip.list_pretrained_tags_by_model(params.model)
    if not open_clip.is_pretrained_cfg(params.model, params.pretrained):
        raise UserError(
            f"encoder.pretrained = '{params.pretrained}' is neither a file nor a tag of {params.model}; "
            f"its tags: {', '.join(tags) or 'none'}"
        )
    tag = open_clip.get_pretrained_cfg(params.model, params.pretrained)
    if "hf_hub" not in tag:
        return
    try:
        with stage.quiet(), _offline():
            pretrained.download_pretrained(tag)  # already in the cache?
    except FileNotFoundError:
        _reach_hub(params)


def _reach_hub(params: semantic.Params) -> None:
    """Fail at once where the model hub cannot be reached: its client would try again for most of a minute."""
    import huggingface_hub

    hub = huggingface_hub.constants.ENDPOINT
    try:
        if huggingface_hub.constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set")
        huggingface_hub.utils.get_session().head(hub, timeout=10)
    except Exception as error:
        raise UserError(
            f"encoder: {_wanted(params)} was to be downloaded from {hub}, which cannot be reached "
            f"({' '.join(str(error).split()) or type(error).__name__}): {WAY_OUT}"
        ) from None


@contextmanager
def _offline() -> Iterator[None]:
    """The hub's client looks in its cache alone."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
