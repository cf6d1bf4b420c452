"""Each view's vector in the space of an image-text encoder: read from the store, or encoded as it is seen."""

from typing import Any

import numpy as np

from vad.data.frames import Clip
from vad.features.semantic import Encoder
from vad.perception.passes import LOGITS, Pass
from vad.perception.sight import Perception, Sight
from vad.pipeline.errors import UserError


class Stored:
    """The cached embeddings of a clip's frames."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip

    def __call__(self, sight: Sight) -> np.ndarray:
        """(B, D) float32 unit rows of the sight's wanted views."""
        rows = np.searchsorted(self._clip.frames, [view.frame for view in sight.wanted])
        assert self._clip.embeddings is not None, f"{self._clip.name} came without its embeddings"
        return self._clip.embeddings[rows]


class Encoded:
    """Embeddings by an encoder; one that looks at whole frames through a classifier shares the classifier's pass."""

    def __init__(self, encoder: Encoder, perception: Perception) -> None:
        self._encoder: Any = encoder  # one with a classifier offers of_logits, too
        classifier = getattr(encoder, "whole_frames", None)
        self._pass = None if classifier is None else Pass.shared(perception, classifier, [LOGITS])

    def __call__(self, sight: Sight) -> np.ndarray:
        """(B, D) float32 unit rows of the sight's wanted views (at least one)."""
        return sight.once((Encoded, "embedding"), lambda: self._encode(sight))

    def _encode(self, sight: Sight) -> np.ndarray:
        if self._pass is None:
            return self._encoder.encode_images(sight.images)
        return self._encoder.of_logits(self._pass(sight)[LOGITS].detach())


def of(perception: Perception) -> Stored | Encoded:
    """What gives the camera's embeddings; whoever opens the streams has put it there by :func:`give`."""

    def missing() -> None:
        raise UserError(f"{perception.camera.name}: a detector looks at embeddings, but no encoder was given")

    return perception.once("embeddings", missing)


def give(perception: Perception, source: Stored | Encoded) -> None:
    """Have the camera's streams take embeddings from ``source``."""
    perception.once("embeddings", lambda: source)
