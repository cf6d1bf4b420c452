"""How surprising a score is among held-out normal scores, beyond the largest of them too.

Up to a high quantile the tail probability is the empirical one; beyond it the excesses follow a generalised Pareto
law (Pickands 1975), fitted by probability-weighted moments (Hosking & Wallis 1987). Surprises of different scores are
on one scale, nats, and their sum is the logarithm of a product of tail probabilities (Fisher's combination).
"""

from dataclasses import dataclass

import numpy as np

BODY = 0.95  # quantile from which on the Pareto tail takes over
KNOTS = 1000


@dataclass(frozen=True)
class Tail:
    """The upper tail of a score on normal data.

    Attributes:
        knots: (KNOTS,) quantiles of the score at evenly spaced levels 0 to BODY.
        shape: Pareto shape, >= 0: 0 is an exponential tail, larger is heavier.
        scale: Pareto scale, in units of the score.
    """

    knots: np.ndarray
    shape: float
    scale: float

    @classmethod
    def fit(cls, normal: np.ndarray) -> "Tail":
        """From (N,) scores of held-out normal data."""
        knots = np.quantile(normal, np.linspace(0, BODY, KNOTS))
        excess = np.sort(normal[normal > knots[-1]]) - knots[-1]
        if len(excess) < 2:
            return cls(knots, 0.0, max(float(normal.std()), 1e-9))
        first = float(excess.mean())
        second = float((excess * np.arange(len(excess))[::-1]).mean() / (len(excess) - 1))
        shape = 2 - first / (first - 2 * second) if first > 2 * second else 0.0
        if shape <= 0:
            return cls(knots, 0.0, max(first, 1e-9))
        return cls(knots, shape, 2 * first * second / (first - 2 * second))

    def surprise(self, scores: np.ndarray) -> np.ndarray:
        """(N,) -> (N,) -log P(a normal score is at least this high), 0 for the lowest."""
        levels = -np.log1p(-np.linspace(0, BODY, KNOTS))
        beyond = np.maximum(scores - self.knots[-1], 0) / self.scale
        beyond = np.log1p(self.shape * beyond) / self.shape if self.shape > 1e-6 else beyond
        return np.interp(scores, self.knots, levels) + beyond

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """The tail under ``<prefix>.knots`` and ``<prefix>.pareto``."""
        return {f"{prefix}.knots": self.knots, f"{prefix}.pareto": np.array([self.shape, self.scale])}

    @classmethod
    def from_arrays(cls, state: dict[str, np.ndarray], prefix: str) -> "Tail":
        """What :meth:`arrays` made."""
        shape, scale = state[f"{prefix}.pareto"]
        return cls(state[f"{prefix}.knots"], float(shape), float(scale))


ROWS, COLUMNS = 5, 8  # cells of a picture: about a person's size at the far end of a street, several at the near one
LEAST = 1500  # values that a cell needs for a tail of its own: a minute of one person at 24 frames per second


class PlaceTails:
    """Tails by scene and cell of the picture: what is usual at that place, where enough was seen there.

    A cell with fewer than ``LEAST`` values is judged by its scene's tail, a scene that was not seen by all scenes'.
    """

    def __init__(self, tails: dict[str, Tail]) -> None:
        self._tails = tails

    @classmethod
    def fit(cls, scenes: list[str], places: list[np.ndarray], values: list[np.ndarray]) -> "PlaceTails":
        """From the values of several clips.

        Args:
            scenes: (C,) scene of each clip. places: per clip (N, 2) x and y as fractions of the picture.
            values: per clip (N,) on normal data.
        """
        tails = {"": Tail.fit(np.concatenate(values))}
        for scene in sorted(set(scenes)):
            own = [i for i, name in enumerate(scenes) if name == scene]
            cells, seen = np.concatenate([_cells(places[i]) for i in own]), np.concatenate([values[i] for i in own])
            tails[scene] = Tail.fit(seen)
            for cell in np.flatnonzero(np.bincount(cells, minlength=ROWS * COLUMNS) >= LEAST):
                tails[f"{scene}/{cell}"] = Tail.fit(seen[cells == cell])
        return cls(tails)

    def surprise(self, scene: str, places: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(N,) -> (N,) -log P(a normal value at that place is at least this high)."""
        cells, result = _cells(places), np.empty(len(values))
        for cell in np.unique(cells):
            chosen = cells == cell
            own = self._tails.get(f"{scene}/{cell}") or self._tails.get(scene) or self._tails[""]
            result[chosen] = own.surprise(values[chosen])
        return result

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """One array per tail, ``<prefix>/<scene>/<cell>``: its knots, then its Pareto law's shape and scale."""
        return {
            f"{prefix}/{name}": np.append(tail.knots, [tail.shape, tail.scale]).astype(np.float32)
            for name, tail in self._tails.items()
        }

    @classmethod
    def from_arrays(cls, state: dict[str, np.ndarray], prefix: str) -> "PlaceTails":
        """What :meth:`arrays` made."""
        kept = {name.removeprefix(f"{prefix}/"): row for name, row in state.items() if name.startswith(f"{prefix}/")}
        return cls({name: Tail(row[:-2], float(row[-2]), float(row[-1])) for name, row in kept.items()})


def _cells(places: np.ndarray) -> np.ndarray:
    """(N, 2) x and y as fractions of the picture -> (N,) cells; beyond the border, the cell next to it."""
    columns, rows = np.clip(places * (COLUMNS, ROWS), 0, (COLUMNS - 1, ROWS - 1)).astype(int).T
    return rows * COLUMNS + columns
