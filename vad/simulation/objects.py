"""Things on the campus of campus-sim: bicycle, skateboard, cart, van, bags, umbrella, dog, pigeon and street furniture.

Builders take a :class:`Placing` where the thing moves and give shapes in world metres.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vad.simulation.camera import Color, Shape, face, shaded, solid, wire
from vad.simulation.people import Placing

_TYRE = (34, 34, 36)


def box(place: Placing, centre: Sequence[float], size: Sequence[float], color: Color, bias: float = 0.0) -> list[Shape]:
    """An upright box, ``size`` = (length, width, height), its top lighter than its sides."""
    cx, cy, cz = centre
    lx, ly, lz = np.asarray(size) / 2
    faces = {
        1.12: [(lx, ly, lz), (lx, -ly, lz), (-lx, -ly, lz), (-lx, ly, lz)],
        0.86: [(lx, ly, -lz), (lx, -ly, -lz), (lx, -ly, lz), (lx, ly, lz)],
        0.82: [(-lx, ly, -lz), (-lx, -ly, -lz), (-lx, -ly, lz), (-lx, ly, lz)],
        0.94: [(lx, ly, -lz), (-lx, ly, -lz), (-lx, ly, lz), (lx, ly, lz)],
        0.90: [(lx, -ly, -lz), (-lx, -ly, -lz), (-lx, -ly, lz), (lx, -ly, lz)],
    }
    shapes = []
    for tone, corners in faces.items():
        outward = np.sum(corners, axis=0) * (np.ptp(corners, axis=0) == 0)
        points = np.add(corners, (cx, cy, cz))
        shapes.append(_pane(place, points, outward, _lit(color, tone), bias))
    return shapes


def _lit(color: Color, tone: float) -> Color:
    blue, green, red = color
    return min(blue * tone, 250), min(green * tone, 250), min(red * tone, 250)


def _pane(place: Placing, corners: ArrayLike, outward: ArrayLike, color: Color, bias: float) -> Shape:
    turned = place.world(np.array([outward], float))[0] - (place.x, place.y, place.z)
    return face(place.world(np.array(corners, float)), turned, color, bias)


def _circle(centre: ArrayLike, radius: float, n: int = 17) -> np.ndarray:
    a = np.linspace(0, 2 * np.pi, n)
    return np.asarray(centre) + np.column_stack([radius * np.cos(a), 0 * a, radius * np.sin(a)])


def bicycle(place: Placing, turn: float, color: Color) -> list[Shape]:
    """A city bicycle, 1.8 m long, its wheels turned by ``turn`` radians."""
    rear, front, crank = np.array([-0.54, 0, 0.35]), np.array([0.56, 0, 0.35]), np.array([-0.06, 0, 0.3])
    seat, head = np.array([-0.2, 0, 0.86]), np.array([0.36, 0, 0.88])
    shapes = []
    for hub in (rear, front):
        shapes.append(wire(place.world(_circle(hub, 0.34)), 0.026, _TYRE))
        for spoke in range(3):
            a = turn + spoke * np.pi / 3
            arm = 0.32 * np.array([np.cos(a), 0, np.sin(a)])
            shapes.append(wire(place.world(np.stack([hub - arm, hub + arm])), 0.006, (150, 150, 150)))
    frame = np.stack([rear, crank, head, seat, crank, rear, seat])
    shapes.append(wire(place.world(frame), 0.024, color))
    shapes.append(wire(place.world(np.stack([front, head, np.add(head, (-0.03, 0, 0.14))])), 0.024, color))
    bar = np.array([[0.2, 0.27, 1.0], [0.33, 0.2, 1.03], [0.33, -0.2, 1.03], [0.2, -0.27, 1.0]])
    shapes.append(wire(place.world(bar), 0.02, (60, 60, 62)))
    shapes.append(solid(place.world(np.array([[-0.3, 0, 0.92], [-0.08, 0, 0.93]])), [0.07, 0.035], (30, 30, 32)))
    return shapes


def skateboard(place: Placing, color: Color) -> list[Shape]:
    """A board 0.84 m long whose ends are turned up."""
    deck = [[x, y, 0.11 + (0.05 if abs(x) > 0.35 else 0)] for x in (-0.44, -0.32, 0.32, 0.44) for y in (-0.1, 0.1)]
    wheels = [[x, y, 0.04] for x in (-0.28, 0.28) for y in (-0.09, 0.09)]
    shapes = [solid(place.world(np.array(deck)), 0.018, color)]
    return shapes + [solid(place.world(np.array([wheel])), 0.045, (200, 205, 205)) for wheel in wheels]


def cart(place: Placing, color: Color) -> list[Shape]:
    """An open electric cart with a roof, 2.6 m long."""
    shapes = [s for x in (-0.82, 0.82) for y in (-0.55, 0.55) for s in _wheel(place, x, y, 0.26)]
    shapes += box(place, (0, 0, 0.48), (2.5, 1.2, 0.34), color)
    shapes += box(place, (1.05, 0, 0.78), (0.36, 1.1, 0.34), color, bias=0.1)
    shapes += box(place, (-0.35, 0, 0.78), (0.5, 1.0, 0.26), (60, 62, 66), bias=0.1)
    shapes += box(place, (-0.6, 0, 1.05), (0.12, 1.0, 0.5), (60, 62, 66), bias=0.1)
    for x in (-0.95, 0.8):
        for y in (-0.52, 0.52):
            shapes.append(wire(place.world(np.array([[x, y, 0.6], [x * 0.92, y, 1.85]])), 0.03, (60, 60, 60), 0.1))
    return shapes + box(place, (-0.08, 0, 1.88), (2.1, 1.25, 0.1), (215, 218, 220), bias=0.5)


def van(place: Placing, color: Color) -> list[Shape]:
    """A small delivery van, 3.6 m long."""
    shapes = [s for x in (-1.1, 1.15) for y in (-0.68, 0.68) for s in _wheel(place, x, y, 0.31)]
    shapes += box(place, (0, 0, 0.66), (3.6, 1.5, 0.72), color)
    shapes += box(place, (-0.35, 0, 1.42), (2.9, 1.42, 0.82), color, bias=0.4)
    glass, stripe = (92, 80, 66), shaded(color, 0.62)
    for side in (-1, 1):
        y = 0.72 * side
        pane = [(0.2, y, 1.12), (1.05, y, 1.12), (1.02, y, 1.68), (0.2, y, 1.68)]
        shapes.append(_pane(place, pane, (0, side, 0), glass, 1.4))
        band = [(-1.8, 1.05 * y, 0.62), (1.8, 1.05 * y, 0.62), (1.8, 1.05 * y, 0.76), (-1.8, 1.05 * y, 0.76)]
        shapes.append(_pane(place, band, (0, side, 0), stripe, 0.9))
        door = [(0.1, y, 0.8), (0.14, y, 0.8), (0.14, y, 1.75), (0.1, y, 1.75)]
        shapes.append(_pane(place, door, (0, side, 0), stripe, 1.3))
    front = [(1.11, -0.62, 1.08), (1.11, 0.62, 1.08), (1.11, 0.58, 1.72), (1.11, -0.58, 1.72)]
    back = [(-1.81, -0.6, 1.15), (-1.81, 0.6, 1.15), (-1.81, 0.6, 1.65), (-1.81, -0.6, 1.65)]
    shapes.append(_pane(place, front, (1, 0, 0), glass, 1.2))
    shapes.append(_pane(place, back, (-1, 0, 0), glass, 1.2))
    for y in (-0.58, 0.58):
        shapes.append(solid(place.world(np.array([[1.8, y, 0.72]])), 0.09, (205, 235, 245), 0.2))
        shapes.append(solid(place.world(np.array([[-1.8, y, 0.8]])), 0.08, (40, 40, 190), 0.2))
    return shapes


def _wheel(place: Placing, x: float, y: float, radius: float) -> list[Shape]:
    inner = np.sign(y) * 0.1
    tyre = np.concatenate([_circle((x, y, radius), radius, 13), _circle((x, y - inner, radius), radius, 13)])
    rim = _circle((x, y + inner * 0.1, radius), radius * 0.55, 13)
    bias = 0.35
    return [
        solid(place.world(tyre), 0.0, _TYRE, bias, flat=True),
        solid(place.world(rim), 0.0, (150, 152, 155), bias + 0.02, flat=True),
    ]


def bag(place: Placing, color: Color, tumble: float = 0.0) -> list[Shape]:
    """A holdall, 0.55 m long, its centre at the placing; ``tumble`` turns it end over end."""
    c, s = np.cos(tumble), np.sin(tumble)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    corners = np.array([[x, y, z] for x in (-0.2, 0.2) for y in (-0.07, 0.07) for z in (-0.06, 0.06)]) @ turn
    strap = np.array([[-0.16, 0, 0.12], [-0.08, 0, 0.25], [0.08, 0, 0.25], [0.16, 0, 0.12]]) @ turn
    stripe = np.array([[0.0, y, z] for y in (-0.08, 0.08) for z in (-0.07, 0.07)]) @ turn
    return [
        solid(place.world(corners), 0.09, color),
        solid(place.world(stripe), 0.085, shaded(color, 0.6), 0.02),
        wire(place.world(strap), 0.018, shaded(color, 0.5), 0.05),
    ]


def umbrella(place: Placing, hand: np.ndarray, color: Color, spread: float) -> list[Shape]:
    """An umbrella over the hand at (3,) in the carrier's frame; ``spread`` 0 is folded, 1 is open."""
    top = np.add(hand, (-0.04, 0.0, 0.78))
    radius, drop = 0.08 + 0.5 * spread, 0.62 - 0.4 * spread
    a = np.arange(8) * np.pi / 4
    rim = top + np.column_stack([radius * np.cos(a), radius * np.sin(a), np.full(8, -drop)])
    shapes = [wire(place.world(np.stack([hand - (0, 0, 0.1), top])), 0.012, (70, 70, 74), 0.1)]
    for k in range(8):
        tone = 1.08 if k % 2 else 0.9
        panel = np.stack([top, rim[k], rim[(k + 1) % 8]])
        panel = np.concatenate([panel, [(panel.mean(axis=0) + top) / 2 + (0, 0, 0.05 * spread)]])
        shapes.append(solid(place.world(panel), 0.01, _lit(color, tone), 0.5, flat=True))
    return shapes


def dog(place: Placing, phase: float, color: Color) -> list[Shape]:
    """A trotting dog, 0.55 m at the shoulder."""
    dark = shaded(color, 0.75)
    shapes = [solid(place.world(np.array([[-0.25, 0, 0.42], [0.25, 0, 0.44]])), [0.1, 0.125], color)]
    shapes.append(solid(place.world(np.array([[0.3, 0, 0.5], [0.42, 0, 0.62]])), [0.08, 0.085], color))
    shapes.append(solid(place.world(np.array([[0.44, 0, 0.6], [0.56, 0, 0.57]])), [0.06, 0.04], dark))
    wag = 0.1 * np.sin(phase * 2)
    shapes.append(solid(place.world(np.array([[-0.3, 0, 0.46], [-0.5, wag, 0.6]])), [0.04, 0.02], dark))
    for x, offset in ((0.22, 0.0), (0.22, np.pi), (-0.22, np.pi), (-0.22, 0.0)):
        y = 0.07 if (offset == 0.0) == (x > 0) else -0.07
        swing = 0.14 * np.cos(phase + offset)
        lift = 0.06 * max(0.0, -np.sin(phase + offset))
        leg = np.array([[x, y, 0.38], [x + swing * 0.4, y, 0.2], [x + swing, y, 0.03 + lift]])
        shapes.append(solid(place.world(leg[:2]), [0.06, 0.04], color))
        shapes.append(solid(place.world(leg[1:]), [0.038, 0.03], dark))
    return shapes


def pigeon(place: Placing, peck: float) -> list[Shape]:
    """A pigeon on foot; ``peck`` 0 looks up, 1 has its beak on the ground."""
    head = np.array([0.15, 0, 0.24 - 0.2 * peck])
    shapes = [solid(place.world(np.array([[-0.1, 0, 0.13], [0.06, 0, 0.15]])), [0.06, 0.08], (138, 130, 124))]
    shapes.append(solid(place.world(np.array([[-0.24, 0, 0.1], [-0.1, 0, 0.13]])), [0.025, 0.05], (84, 78, 74)))
    shapes.append(solid(place.world(np.stack([[0.1, 0, 0.17], head])), [0.045, 0.04], (104, 92, 70)))
    return shapes
