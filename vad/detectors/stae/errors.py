"""What the autoencoder does not explain: its squared errors by cell, as a share of what moves there.

A raw error is large wherever much moves: it counts pedestrians. What tells the unusual from the many is how much of the
moving energy (the squared difference to the background) the network failed to give back or to foretell.
"""

import cv2
import numpy as np

from vad.detectors.stae.network import SIZE

CELL = 4  # pixels
GRID = SIZE // CELL  # cells a side: 32


def by_cell(wrong: np.ndarray) -> np.ndarray:
    """(..., 128, 128) differences -> (..., 32, 32) their mean squares by cell."""
    return np.square(wrong).reshape(*wrong.shape[:-2], GRID, CELL, GRID, CELL).mean(axis=(-3, -1))


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
