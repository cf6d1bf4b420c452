"""A camera's small pictures followed one by one: what the network does not explain of each, and what moves in it.

Windows of 16 pictures begin every ``stride`` pictures. A picture's error is the mean over the windows that see it: of
reconstruction over those that hold it, of prediction over those that end before it, where it counts less the further
ahead. It is known 15 pictures later, when the last window that may hold it has ended. The first 16 of a stream follow
nothing that could foretell them: they are foretold backwards from the 16 after them, and known when these have come.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from vad.detectors.stae.errors import GRID, by_cell
from vad.detectors.stae.network import WINDOW, horizon_weights
from vad.detectors.stae.windows import BACKGROUND_FRAMES, CONTRAST, SPAN

LATE = WINDOW - 1  # pictures by which a picture is judged later
LATEST = SPAN - 1  # the same of a stream's first
ENERGY_SIGMA, ENERGY_REACH = 2.0, 8  # pictures over which the moving energy is smoothed, and at which that ends
EVERY, EVERY_AT_FIRST = 20, 4  # pictures between two that the background is made of; where little is known yet
REMEMBERED = BACKGROUND_FRAMES * EVERY + 2 * WINDOW  # pictures that a score depends on

_SHARES = np.stack([np.full(WINDOW, 1 / WINDOW), horizon_weights().numpy()])
_NEAR = np.exp(-0.5 * (np.arange(-ENERGY_REACH, ENERGY_REACH + 1) / ENERGY_SIGMA) ** 2)


class Ground:
    """One camera without what moves: the median of 31 pictures, the latest two seconds or so apart.

    Args:
        known: (K, 128, 128) uint8 pictures of training video, which new ones replace; None for a camera not seen there.
    """

    def __init__(self, known: np.ndarray | None) -> None:
        self._pictures: deque[np.ndarray] = deque(() if known is None else known, maxlen=BACKGROUND_FRAMES)
        self._median: np.ndarray | None = None

    def moving(self, number: int, picture: np.ndarray) -> np.ndarray:
        """(128, 128) float32 difference of the ``number``-th picture to the ground, -4 to 4.

        The median difference is taken out first: light drifts without being an object.
        """
        every = EVERY if len(self._pictures) == BACKGROUND_FRAMES else EVERY_AT_FIRST
        if number % every == 0 or not self._pictures:
            self._pictures.append(picture)
            self._median = None
        if self._median is None:
            self._median = np.median(self._pictures, axis=0).astype(np.float32)
        away = picture - self._median
        return (away - np.median(away[::2, ::2])) / np.float32(CONTRAST)


class Followed(NamedTuple):
    """One picture: (2, 32, 32) errors of reconstruction and prediction by cell, NaN where no window tells, and
    (32, 32) the mean squared difference to the ground, smoothed over time."""

    errors: np.ndarray
    energy: np.ndarray


class Following:
    """The pictures of one camera.

    Args:
        network: (16, 128, 128) float32 moving pictures -> (2, 16, 128, 128), reconstruction and prediction.
        usual: (2, 16) the usual error by place in the window, of which errors are given as multiples.
        stride: pictures between two windows; first: the number of the first picture: windows begin at its multiples.

    Attributes:
        total, count: (2, 16) sum of the errors by place in the window, in squared units, and how many they are.
    """

    def __init__(
        self, network: Callable[[np.ndarray], np.ndarray], usual: np.ndarray, stride: int, first: int = 0
    ) -> None:
        self._network, self._usual, self._stride = network, usual, stride
        self._next = self._due = first  # numbers of the next picture to come, and to be given out
        self._moving: deque[np.ndarray] = deque(maxlen=WINDOW)
        self._sums: deque[np.ndarray] = deque()  # of the pictures that are not given out: (2, 32, 32) each
        self._weights: deque[np.ndarray] = deque()  # (2,) each
        self._energies: deque[np.ndarray] = deque()  # of these, and of some before
        self._foretold: list[tuple[int, np.ndarray]] = []  # number of the first picture, (16, 128, 128)
        self._ended = first  # the last window's end
        self._opening: list[np.ndarray] | None = []  # the first 32 pictures, until they are all there
        self.total, self.count = np.zeros((2, WINDOW)), np.zeros((2, WINDOW))

    def push(self, moving: np.ndarray) -> list[Followed]:
        """Take the next picture, (128, 128) float32; those that are judged now."""
        number = self._next
        self._next += 1
        self._moving.append(moving)
        self._energies.append(cv2.resize(moving**2, (GRID, GRID), interpolation=cv2.INTER_AREA))
        self._sums.append(np.zeros((2, GRID, GRID)))
        self._weights.append(np.zeros(2))
        self._foretold = [(first, pictures) for first, pictures in self._foretold if number < first + WINDOW]
        for first, pictures in self._foretold:
            self._add(1, number - first, number, by_cell(pictures[number - first] - moving), tell=True)
        if len(self._moving) == WINDOW and (self._next - WINDOW) % self._stride == 0:
            self._foretold.append((self._next, self._window()))
        if self._opening is not None:
            self._opening.append(moving)
            if len(self._opening) < SPAN:
                return []
            self._backwards()
        return [self._give() for _ in range(self._next - self._due - LATE)]

    def finish(self) -> list[Followed]:
        """No more will come: all that are left."""
        if self._moving and self._ended < self._next:
            self._window()
        if self._opening is not None:
            self._backwards()
        return [self._give() for _ in range(self._next - self._due)]

    def _window(self) -> np.ndarray:
        """Judge the last 16 pictures by their reconstruction; (16, 128, 128) what is foretold to follow them."""
        seen = [*self._moving]
        whole = np.stack(seen + seen[-1:] * (WINDOW - len(seen)))  # the end of a clip shorter than a window is repeated
        reconstruction, prediction = self._network(whole)
        wrong = by_cell(reconstruction - whole)
        for place in range(len(seen)):
            self._add(0, place, self._next - len(seen) + place, wrong[place], tell=True)
        self._ended = self._next
        return prediction

    def _backwards(self) -> None:
        """Foretell the first 16 pictures from those that follow them, as far as these have come."""
        opening, self._opening = self._opening or [], None
        for begin in range(min(len(opening), SPAN), WINDOW, -self._stride):
            _, pictures = self._network(np.stack(opening[begin - WINDOW : begin][::-1]))
            for place in range(min(WINDOW, begin - WINDOW)):
                number = begin - WINDOW - 1 - place
                wrong = by_cell(pictures[place] - opening[number])
                self._add(1, place, self._due + number, wrong, tell=False)

    def _add(self, kind: int, place: int, number: int, error: np.ndarray, tell: bool) -> None:
        if tell:
            self.total[kind, place] += error.mean()
            self.count[kind, place] += 1
        if number >= self._due:
            self._sums[number - self._due][kind] += error * (_SHARES[kind, place] / self._usual[kind, place])
            self._weights[number - self._due][kind] += _SHARES[kind, place]

    def _give(self) -> Followed:
        weights = self._weights.popleft()
        with np.errstate(invalid="ignore"):
            errors = self._sums.popleft() / weights[:, None, None]
        before = len(self._energies) - (self._next - self._due)  # energies kept of pictures that were given out already
        near = [*self._energies][: before + ENERGY_REACH + 1]
        kernel = _NEAR[ENERGY_REACH - before :][: len(near)]
        energy = np.tensordot(kernel / kernel.sum(), np.stack(near), axes=1)
        self._due += 1
        if before == ENERGY_REACH:
            self._energies.popleft()
        return Followed(errors, energy)
