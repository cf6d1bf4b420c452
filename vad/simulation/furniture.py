"""What stands still in the scenes of campus-sim: trees, shrubs, benches, railings, lamps, bollards, bins, steps."""

from itertools import pairwise

import numpy as np

from vad.simulation.camera import Shape, Sprite, solid, wire
from vad.simulation.objects import box
from vad.simulation.people import Placing

_LEAF = np.array([46.0, 112.0, 74.0])
_STEEL = (128, 126, 124)


def tree(rng: np.random.Generator, x: float, y: float, clear: float, crown: float) -> Sprite:
    """A tree whose trunk is bare up to ``clear`` metres and whose crown has radius ``crown``."""
    lean = rng.normal(0, 0.12, 2)
    top = np.array([x + lean[0], y + lean[1], clear + crown])
    trunk = np.stack([np.array([x, y, 0.0]), top])
    bark = np.array([58.0, 74.0, 92.0]) * rng.uniform(0.8, 1.1)
    shapes = [solid(trunk, [0.17, 0.09], tuple(bark.tolist()))]
    return Sprite(shapes + _leaves(rng, top, (crown, crown, crown * 0.8), int(70 + 40 * crown)), (x, y))


def shrub(rng: np.random.Generator, x: float, y: float, radius: float) -> Sprite:
    """A round shrub on the ground."""
    return Sprite(_leaves(rng, np.array([x, y, radius * 0.6]), (radius, radius, radius * 0.7), 45), (x, y))


def hedge(rng: np.random.Generator, start: tuple, end: tuple, height: float) -> list[Sprite]:
    """Clipped bushes in a row, one sprite per metre so that each has its own place in the painter's order."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    count = max(2, int(np.hypot(*(last - first)) / 0.9))
    sprites = []
    for x, y in np.linspace(first, last, count):
        leaves = _leaves(rng, np.array([x, y, height * 0.5]), (0.6, 0.5, height * 0.55), 34)
        sprites.append(Sprite(leaves, (float(x), float(y))))
    return sprites


def _leaves(rng: np.random.Generator, centre: np.ndarray, radii: tuple, count: int) -> list[Shape]:
    offsets = rng.normal(size=(count, 3))
    offsets *= (rng.uniform(0.35, 1.0, count) ** 0.5 / np.linalg.norm(offsets, axis=1))[:, None]
    hue = rng.uniform(0.85, 1.15, 3)
    shapes = []
    for offset in offsets:
        spot = centre + offset * radii
        spot[2] = max(spot[2], 0.08)
        tone = 0.62 + 0.38 * (offset[2] + 1) / 2 + rng.uniform(-0.14, 0.14)
        size = rng.uniform(0.13, 0.26) * min(radii) ** 0.75
        shapes.append(solid([spot], size, tuple((_LEAF * hue * tone).tolist())))
    return shapes


def bench(x: float, y: float, heading: float) -> Sprite:
    """A wooden bench whose sitter looks along ``heading``."""
    place = Placing(x, y, heading)
    shapes = []
    for k in range(3):
        shapes += box(place, (0.0 + 0.15 * k, 0, 0.44), (0.12, 1.7, 0.05), (70, 112, 158))
    for k in range(2):
        shapes += box(place, (-0.16, 0, 0.62 + 0.17 * k), (0.05, 1.7, 0.12), (66, 106, 150))
    for side in (-0.65, 0.65):
        legs = [[0.28, side, 0.0], [0.28, side, 0.42], [-0.14, side, 0.42], [-0.2, side, 0.85]]
        shapes.append(wire(place.world(np.array(legs)), 0.03, (52, 50, 50)))
        shapes.append(wire(place.world(np.array([[-0.14, side, 0.42], [-0.14, side, 0.0]])), 0.03, (52, 50, 50)))
    return Sprite(shapes, (x, y))


def railing(start: tuple, end: tuple, height: float = 1.05) -> list[Sprite]:
    """Steel railing in panels of two metres."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    posts = np.linspace(first, last, max(2, int(np.hypot(*(last - first)) / 2.0) + 1))
    sprites = []
    for a, b in pairwise(posts):
        shapes = [wire([(*a, 0), (*a, height)], 0.035, _STEEL)]
        for z, thick in ((height, 0.035), (height * 0.18, 0.022)):
            shapes.append(wire([(*a, z), (*b, z)], thick, _STEEL))
        for bar in np.linspace(a, b, 9)[1:-1]:
            shapes.append(wire([(*bar, height * 0.18), (*bar, height)], 0.011, _STEEL))
        middle = (a + b) / 2
        sprites.append(Sprite(shapes, (float(middle[0]), float(middle[1]))))
    return sprites


def lamp(x: float, y: float, height: float = 4.6) -> Sprite:
    """A lamp post."""
    pole = solid([(x, y, 0), (x, y, height)], [0.075, 0.05], (96, 94, 92))
    foot = solid([(x, y, 0), (x, y, 0.35)], 0.11, (84, 82, 80))
    head = solid([(x, y, height), (x, y, height + 0.3)], [0.2, 0.13], (205, 214, 218))
    return Sprite([pole, foot, head], (x, y))


def bollards(points: list[tuple[float, float]]) -> list[Sprite]:
    """Stone bollards with a pale band."""
    sprites = []
    for x, y in points:
        shapes = [solid([(x, y, 0), (x, y, 0.68)], 0.11, (112, 114, 116))]
        shapes.append(solid([(x, y, 0.55), (x, y, 0.6)], 0.115, (196, 204, 206), 0.05))
        sprites.append(Sprite(shapes, (x, y)))
    return sprites


def bin_(x: float, y: float) -> Sprite:
    """A litter bin."""
    shapes = [solid([(x, y, 0.25), (x, y, 0.8)], 0.25, (44, 46, 46)), solid([(x, y, 0.93)], 0.25, (66, 68, 68))]
    return Sprite(shapes, (x, y))


def planter(rng: np.random.Generator, x: float, y: float, size: tuple, heading: float = 0.0) -> list[Sprite]:
    """A stone box of ``size`` = (length, width, height) with shrubs in it."""
    place = Placing(x, y, heading)
    length, width, height = size
    shapes = box(place, (0, 0, height / 2), size, (142, 148, 152))
    for along in np.arange(-length / 2 + 0.35, length / 2 - 0.2, 0.5):
        centre = place.world(np.array([[along, 0.0, height + 0.2]]))[0]
        leaves = _leaves(rng, centre, (0.42, width * 0.42, 0.42), 26)
        shapes += [Shape(s.points, s.radii, s.color, 0.6, s.flat) for s in leaves]
        if rng.random() < 0.6:
            bloom = np.add(centre, (0, 0, 0.35))
            shapes.append(solid([bloom], 0.09, (96, 80, 200) if rng.random() < 0.5 else (90, 190, 220), 0.9))
    return [Sprite(shapes, (x, y))]
