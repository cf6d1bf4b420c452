"""What one camera shows at once, and what all that look at it share: decoding, resizing, and whatever else is costly.

A ``View`` is one frame. A ``Sight`` is consecutive views that go through the detectors together: one of a live camera,
a batch from the frame store. Whoever computes something that others may want too does so by ``once``; whatever has
to remember earlier frames is a component that the streams on a camera share through ``Perception.once``.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from vad.perception.camera import Camera

CELL = 4  # side of a cell of the flow grid, in working pixels


def working_size(size: tuple[int, int], height: int) -> tuple[int, int]:
    """(width, height) in whole cells of a frame of ``size`` = (width, height) brought to at most ``height`` pixels."""
    scale = min(1.0, height / size[1])
    width, height = (max(2, round(side * scale / CELL)) * CELL for side in size)
    return width, height


class _Once:
    """Values that are computed when first asked for."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def once(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """The value under ``key``, computed by the first who asks."""
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def components(self) -> list[Any]:
        """Everything that was computed so far."""
        return list(self._known.values())


class View(_Once):
    """One frame of a camera.

    Attributes:
        frame: its number, by which time is counted: ``frame / fps`` seconds.
        wanted: whether it is to be scored, or only seen by what looks at several frames.
    """

    def __init__(self, frame: int, image: np.ndarray | Callable[[], np.ndarray], wanted: bool = True) -> None:
        super().__init__()
        self.frame, self.wanted = frame, wanted
        self._image = image

    @cached_property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, decoded when first asked for."""
        return self._image() if callable(self._image) else self._image

    @property
    def gray(self) -> np.ndarray:
        """(H, W) uint8."""
        return self.once("gray", lambda: cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY))

    def working(self, height: int) -> np.ndarray:
        """(h, w, 3) uint8 RGB at the working size for ``height``."""
        size = working_size(self.image.shape[1::-1], height)
        if self.image.shape[1::-1] == size:
            return self.image
        return self.once(("working", size), lambda: cv2.resize(self.image, size, interpolation=cv2.INTER_AREA))

    def working_gray(self, height: int) -> np.ndarray:
        """(h, w) uint8 at the working size for ``height``."""
        image = self.working(height)
        if image is self.image:
            return self.gray
        return self.once(("gray", image.shape), lambda: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


class Sight(_Once):
    """Consecutive views of one camera, in order.

    Attributes:
        views: those at once; none in the last sight.
        last: the stream ends: whoever holds frames back for later ones gives them out.
    """

    def __init__(self, views: Sequence[View], last: bool = False) -> None:
        super().__init__()
        self.views, self.last = list(views), last

    @cached_property
    def wanted(self) -> list[View]:
        """The views that are to be scored."""
        return [view for view in self.views if view.wanted]

    @cached_property
    def images(self) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB of the wanted views; B is at least 1."""
        return np.stack([view.image for view in self.wanted])


class Perception(_Once):
    """What the streams on one camera share.

    Components are made by the first stream that asks for one (``once``); a key is the component's own. They take each
    sight through ``Sight.once``, so that each sees it once however many streams look through it.
    """

    def __init__(self, camera: Camera) -> None:
        super().__init__()
        self.camera = camera
