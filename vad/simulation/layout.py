"""What there is to say about a place of campus-sim before it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from vad.simulation.camera import Light, Sprite

Surface = Callable[[np.ndarray, np.ndarray], np.ndarray]
Line = list[tuple[float, float]]


@dataclass(frozen=True)
class Wall:
    """A vertical face from ``start`` to ``end`` on the ground, ``top`` metres high; ``surface`` of (along, z)."""

    start: tuple[float, float]
    end: tuple[float, float]
    top: float
    surface: Surface


@dataclass(frozen=True)
class Layout:
    """A place before it is drawn.

    Attributes:
        altitude, pitch, focal, yaw: the camera (radians, metres, picture widths).
        ground: albedo at (x, y); walls: nearest wins; props: what stands there.
        routes: lines that people follow either way; lane: half the width of a route in metres.
        drives: lines broad enough for a cart; trespass: lines across ground where nobody walks.
        walkable: whether people walk at (x, y).
        seats: (x, y, heading) of places on benches; spots: (x, y) where people stand or pigeons peck.
        crowd: about how many people and groups are in a clip.
        within: whether (x, y) is in the scene: neither behind a wall nor lost in the distance.
    """

    name: str
    altitude: float
    pitch: float
    focal: float
    yaw: float
    light: Light
    ground: Surface
    walls: list[Wall]
    props: list[Sprite]
    routes: list[Line]
    lane: float
    drives: list[Line]
    trespass: list[Line]
    walkable: Callable[[np.ndarray, np.ndarray], np.ndarray]
    spots: list[tuple[float, float]]
    crowd: float
    within: Callable[[np.ndarray, np.ndarray], np.ndarray]
    seats: list[tuple[float, float, float]] = field(default_factory=list)
