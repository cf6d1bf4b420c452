"""One pass of a backbone for all who look at a camera through it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vad.perception.sight import Perception, Sight

if TYPE_CHECKING:  # whoever looks through no network does without PyTorch
    import torch

    from vad.features.backbones import Backbone

LOGITS = "logits"


class Pass:
    """A backbone's layers, computed together for every sight, as deep as the deepest that anybody asked for."""

    def __init__(self, backbone: "Backbone") -> None:
        self.backbone = backbone
        self._layers: list[str] = []
        self._gradients_from: str | None = None

    @classmethod
    def shared(
        cls, perception: Perception, backbone: "Backbone", layers: Sequence[str], gradients: bool = False
    ) -> "Pass":
        """The camera's own, which will compute ``layers`` too.

        Args:
            layers: of "layer1" to "layer4" and ``LOGITS``.
            gradients: the logits' gradients with respect to ``layers`` will be asked for.
        """
        # Gradients are float32 always: where the others' pass is not, theirs is one of its own.
        apart = gradients and backbone.precision != "float32"
        own = perception.once((cls, id(backbone), apart), lambda: cls(backbone))
        own._layers += [layer for layer in layers if layer not in own._layers]
        if gradients:
            known = [own._gradients_from] if own._gradients_from else []
            asked = [layer for layer in [*layers, *known] if layer != LOGITS]
            own._gradients_from = min(asked, key=list(backbone.stages).index)
        return own

    @property
    def graph(self) -> tuple[list[str], int] | None:
        """What an engine may compute of it: the layers and the side of the input; None where gradients are wanted."""
        return None if self._gradients_from is not None else (list(self._layers), self.backbone.image_size)

    def __call__(self, sight: Sight) -> "dict[str, torch.Tensor]":
        """Layer -> (B, C, h, w) float32, and ``LOGITS`` (B, classes), of the sight's wanted views (at least one)."""
        return sight.once((self, "pass"), lambda: self._run(sight))

    def _run(self, sight: Sight) -> "dict[str, torch.Tensor]":
        x = self.backbone.preprocess(sight.images)
        if self._gradients_from is None:
            return dict(zip(self._layers, self.backbone.outputs(x, self._layers), strict=True))
        values = self.backbone.outputs(x, self._layers, self._gradients_from)
        return dict(zip(self._layers, values, strict=True))
