"""The embeddings of a data set's frames, computed wherever clips are done."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from vad.data.frames import Clip
from vad.features import encoders, semantic
from vad.pipeline.executor import map_clips


@dataclass(frozen=True)
class Embedding:
    """The (N, D) float32 embeddings of a clip's frames, as a work of ``vad.pipeline.executor``."""

    params: semantic.Params
    code: ClassVar[tuple[str, ...]] = ()

    def __getstate__(self) -> dict:
        """Whoever gets a copy loads the encoder by its name."""
        return {"params": self.params}

    @cached_property
    def encoder(self) -> semantic.Encoder:
        """As the parameters name it."""
        return encoders.load(self.params)

    def key(self, clip: Clip) -> str:
        """The clip and the encoder, whose weights may have been downloaded or lie in a file."""
        return repr((clip.digest(), self.params, self.encoder.digest))

    def __call__(self, clip: Clip, folder: Path) -> np.ndarray:
        """Nothing is written."""
        return semantic.embed_clip(clip, self.encoder)


def embed(clips: Sequence[Clip], params: semantic.Params) -> dict[str, np.ndarray]:
    """The arrays of ``data/embeddings.npz`` for every frame of ``clips``, which are not none."""
    return semantic.arrays(clips, np.concatenate(map_clips(Embedding(params), clips, desc=f"embed with {params.name}")))
