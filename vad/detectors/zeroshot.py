"""Zero-shot prompts: how much better sentences about anomalies describe a frame than sentences about normal life.

Every description is put into every template, and the unit vectors of the filled templates are averaged and scaled to
unit length again (Radford et al. 2021, section 3.1.4). With s_p the dot product of a frame with prompt p and T the
temperature, the abnormal prompts' softmax mass is

    m = sum_{p abnormal} exp(s_p / T) / sum_p exp(s_p / T),

and the score is its log-odds log(m / (1 - m)): the same order of frames, without ties where m rounds to 0 or 1.
No frame is trained on.
"""

from collections.abc import Sequence

import numpy as np
import pydantic
from scipy.special import logsumexp

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.features.semantic import Encoder, unit
from vad.perception import embedding
from vad.perception.sight import Perception
from vad.pipeline.params import Section

TITLE = "Zero-shot prompts"
READS = ("embeddings",)
ROLE = "none"  # fitted on sentences, not on frames
LABELLED = False


class Params(Section):
    """Section ``zeroshot``."""

    normal: list[str] = pydantic.Field(min_length=1)
    abnormal: list[str] = pydantic.Field(min_length=1)
    templates: list[str] = pydantic.Field(min_length=1)
    temperature: float = pydantic.Field(gt=0, le=10)

    @pydantic.field_validator("templates")
    @classmethod
    def _has_place(cls, templates: list[str]) -> list[str]:
        for template in templates:
            if template.count("{}") != 1:
                raise ValueError(f"template '{template}' should hold one {{}}, the place of the description")
        return templates

    @property
    def prompts(self) -> list[str]:
        """All descriptions, the normal ones first."""
        return [*self.normal, *self.abnormal]


def fit(clips: Sequence[Clip], params: Params, seed: int, encoder: Encoder) -> dict[str, np.ndarray]:
    """Embed the prompts; ``clips`` and ``seed`` stay unused, as nothing is trained.

    Returns:
        ``text`` (P, D) float32 unit rows in the order of ``params.prompts``.
    """
    filled = [template.format(prompt) for prompt in params.prompts for template in params.templates]
    vectors = encoder.encode_texts(filled).reshape(len(params.prompts), len(params.templates), -1)
    return {"text": unit(vectors.mean(axis=1))}


class Detector:
    """The embedded prompts, ready to score."""

    def __init__(self, state: dict[str, np.ndarray], params: Params) -> None:
        self._text, self._params = state["text"], params

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """(N,) float32 scores of ``clip.frames`` from their embeddings; there is no map."""
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> streaming.Framewise:
        """Start on one camera."""
        return streaming.Framewise(embedding.of(perception), self.odds)

    def odds(self, embeddings: np.ndarray) -> np.ndarray:
        """(N, D) unit rows -> (N,) float32 log-odds of the abnormal prompts."""
        logits = self.similarity(embeddings) / self._params.temperature
        normal = len(self._params.normal)
        odds = logsumexp(logits[:, normal:], axis=1) - logsumexp(logits[:, :normal], axis=1)
        return odds.astype(np.float32)

    def similarity(self, embeddings: np.ndarray) -> np.ndarray:
        """(N, D) unit rows -> (N, P) float64 similarities to ``params.prompts``."""
        return embeddings.astype(np.float64) @ self._text.T.astype(np.float64)
