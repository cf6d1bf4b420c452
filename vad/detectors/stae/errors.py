"""What the autoencoder does not explain: its squared errors by cell, as a share of what moves there.

A raw error is large wherever much moves: it counts pedestrians. What tells the unusual from the many is how much of the
moving energy (the squared difference to the background) the network failed to give back or to foretell.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from vad.detectors.stae.network import SIZE, WINDOW, Network, horizon_weights, mixed
from vad.detectors.stae.windows import SPAN, Film

CELL = 4  # pixels
GRID = SIZE // CELL  # cells a side: 32
ENERGY_SIGMA = 2.0  # frames over which the moving energy is smoothed


class Errors:
    """Errors of a trained network.

    Args:
        network: in evaluation mode, on ``device``.
        stride: frames between two windows.
        batch: windows that go through the network at once.
    """

    def __init__(self, network: Network, device: str, stride: int, batch: int) -> None:
        self.network, self.device, self.stride, self.batch = network, device, stride, batch

    def usual(self, films: list[Film]) -> np.ndarray:
        """(2, 16) mean error of reconstruction and prediction by the frame's place in the window."""
        curves = []
        for one in films:
            starts = np.arange(0, len(one.frames) - SPAN + 1, self.stride)
            curves += [both.mean((2, 3)) for both in self.windows(one, starts)]
        return np.mean(curves, axis=0)

    def frames(self, seen: Film, usual: np.ndarray) -> np.ndarray:
        """(2, N, 32, 32) errors of reconstruction and prediction by frame and cell, in units of the ``usual`` (2, 16).

        A frame's is the mean over the windows that see it; predictions count less the further ahead. What no window
        foretells, a film's first 16 frames, is foretold backwards from what follows. NaN where that is too short.
        """
        sums, weights = self._sums(seen, usual, len(seen.frames))
        backwards, weights_backwards = self._sums(seen.reversed(), usual, WINDOW)
        unknown = weights[1] == 0
        sums[1, unknown], weights[1, unknown] = backwards[1, ::-1][unknown], weights_backwards[1, ::-1][unknown]
        with np.errstate(invalid="ignore"):
            return sums / weights[:, :, None, None]

    def _sums(self, seen: Film, usual: np.ndarray, latest: int) -> tuple[np.ndarray, np.ndarray]:
        """Weighted errors (2, N, 32, 32) and weights (2, N) over the windows that see one of the ``latest`` frames."""
        length = len(seen.frames)
        last = max(0, length - WINDOW)
        starts = np.unique(np.append(np.arange(0, last + 1, self.stride), last))
        starts = starts[starts + SPAN > length - latest]
        sums, weights = np.zeros((2, length, GRID, GRID)), np.zeros((2, length))
        shares = np.stack([np.full(WINDOW, 1 / WINDOW), horizon_weights().numpy()])
        for start, both in zip(starts, self.windows(seen, starts), strict=True):
            for kind, first in enumerate((start, start + WINDOW)):
                count = max(0, min(WINDOW, length - first))
                scale = shares[kind, :count] / usual[kind, :count]
                sums[kind, first : first + count] += both[kind, :count] * scale[:, None, None]
                weights[kind, first : first + count] += shares[kind, :count]
        return sums, weights

    @torch.inference_mode()
    def windows(self, seen: Film, starts: np.ndarray) -> Iterator[np.ndarray]:
        """For each start, (2, 16, 32, 32) squared errors per cell of the reconstruction and of the prediction."""
        for at in range(0, len(starts), self.batch):
            rows = starts[at : at + self.batch, None] + np.arange(SPAN)
            pixels = seen.moving(rows.ravel()).reshape(len(rows), 2, WINDOW, SIZE, SIZE)
            windows = torch.from_numpy(pixels).to(self.device)
            past = windows[:, :1].contiguous(memory_format=torch.channels_last_3d)
            with mixed(self.device):
                given = torch.cat(self.network(past), dim=1)  # (B, 2, 16, 128, 128)
            wrong = (given.float() - windows).square()
            cells = torch.nn.functional.avg_pool2d(wrong.flatten(0, 1), CELL)
            yield from cells.view(len(rows), 2, WINDOW, GRID, GRID).cpu().numpy()


def energy(seen: Film) -> np.ndarray:
    """(N, 32, 32) mean squared difference to the background by frame and cell, smoothed along time."""
    squared = [cv2.resize(one**2, (GRID, GRID), interpolation=cv2.INTER_AREA) for one in seen.moving(slice(None))]
    return gaussian_filter1d(np.stack(squared), ENERGY_SIGMA, axis=0)


def blocks(maps: np.ndarray, block: int) -> np.ndarray:
    """(N, h, w) -> (N, h, w) means over ``block`` x ``block`` cells around each cell."""
    return np.stack([cv2.blur(one, (block, block)) for one in maps])


def floors(energies: list[np.ndarray], block: int, shares: tuple[float, float]) -> np.ndarray:
    """(2,) what is added to the energy of a whole frame and of a block, so that near-empty ones are not unexplained.

    They are ``shares`` of the mean frame energy and of the mean over frames of the most energetic block's.
    """
    whole = np.mean([frame.mean() for one in energies for frame in one])
    largest = np.mean([frame.max() for one in energies for frame in blocks(one, block)])
    return np.array(shares) * [whole, largest]


def unexplained(
    errors: np.ndarray, energies: np.ndarray, block: int, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Errors over energy, of whole frames and of blocks.

    Args:
        errors: (2, N, h, w). energies: (N, h, w). floor: (2,), see :func:`floors`.

    Returns:
        (2, N, 2) the whole frame's share and the worst block's; (2, N, h, w) the share of the block around each cell.
    """
    whole = errors.mean((2, 3)) / (energies.mean((1, 2)) + floor[0])
    local = np.stack([blocks(kind, block) for kind in errors]) / (blocks(energies, block) + floor[1])
    return np.stack([whole, local.max((2, 3))], axis=2), local
