"""The surveillance camera of campus-sim: a pinhole over a flat ground, and solid shapes drawn through it.

World coordinates are metres, x to the right, y away from the camera's foot, z up. Everything that moves or stands in a
scene is a :class:`Sprite`, a list of :class:`Shape`; one rasteriser draws them all, one caster drops their shadows.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import ArrayLike

SUPERSAMPLE = 2
_PLAIN = 2.8  # supersampled pixels of radius below which a shape gets no lighter side
_SHIFT = 4  # sub-pixel bits of OpenCV's fixed-point drawing coordinates
_RING = np.stack([np.cos(np.arange(12) * np.pi / 6), np.sin(np.arange(12) * np.pi / 6)], axis=1)  # (12, 2)

Color = tuple[float, float, float]  # blue, green, red, 0 to 255


@dataclass(frozen=True)
class Camera:
    """Pinhole camera at (0, 0, height), pitched down and turned by ``yaw`` radians (to the right of +y).

    ``focal`` is in image widths, so the same view renders at any resolution.
    """

    width: int
    height: int
    altitude: float
    pitch: float
    focal: float
    yaw: float = 0.0

    @property
    def focal_pixels(self) -> float:
        return self.focal * self.width

    @cached_property
    def axes(self) -> np.ndarray:
        """(3, 3) rows: the camera's right, down and forward directions in the world."""
        cy, sy, cp, sp = np.cos(self.yaw), np.sin(self.yaw), np.cos(self.pitch), np.sin(self.pitch)
        forward = np.array([sy * cp, cy * cp, -sp])
        right = np.array([cy, -sy, 0.0])
        return np.stack([right, np.cross(forward, right), forward])

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, 3) world points -> (N, 2) pixels (x, y) and (N,) depths in metres along the view, at least 0.1."""
        local = points @ self.axes.T - self._origin
        depth = np.maximum(local[:, 2], 0.1)
        return local[:, :2] * (self.focal_pixels / depth)[:, None] + self._centre, depth

    @cached_property
    def _origin(self) -> np.ndarray:
        return self.axes @ (0.0, 0.0, self.altitude)

    @cached_property
    def _centre(self) -> np.ndarray:
        return np.array([self.width / 2, self.height / 2])

    def rays(self, scale: int) -> np.ndarray:
        """(H * scale, W * scale, 3) world directions through the pixels of an image ``scale`` times as fine."""
        x = ((np.arange(self.width * scale) + 0.5) / scale - self.width / 2) / self.focal_pixels
        y = ((np.arange(self.height * scale) + 0.5) / scale - self.height / 2) / self.focal_pixels
        right, down, forward = self.axes
        return (x[None, :, None] * right + y[:, None, None] * down + forward).astype(np.float32)

    def sees(self, xy: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """(N,) bool: which (N, 2) ground points are in the picture, or within ``margin`` picture widths of it."""
        ground = np.column_stack([xy, np.zeros(len(xy))])
        pixels, depth = self.project(ground)
        room = margin * self.width
        inside = (pixels > -room).all(axis=1) & (pixels < np.array([self.width, self.height]) + room).all(axis=1)
        return inside & (depth > 0.5)


@dataclass(frozen=True)
class Light:
    """Where the sun stands and how hard its shadows are.

    Attributes:
        sun: direction from the ground to the sun.
        shadow: share of the light that a shadow takes, 0 to 1.
        softness: blur of the shadows in metres.
        tint: blue, green, red gains of the light.
    """

    sun: tuple[float, float, float]
    shadow: float
    softness: float
    tint: Color


@dataclass(frozen=True)
class Shape:
    """A convex solid, the hull of balls at ``points`` with ``radii``; or, with ``wire``, a bent rod through them.

    Attributes:
        points: (N, 3) metres; radii: (N,) metres.
        bias: metres by which the shape counts as nearer than it is when a sprite's shapes are put in order.
        flat: drawn in one tone; otherwise with a lighter side towards the sun.
        outward: (3,) direction that a face looks to; a face that looks away from the camera is not drawn.
    """

    points: np.ndarray
    radii: np.ndarray
    color: Color
    bias: float = 0.0
    flat: bool = False
    wire: bool = False
    outward: np.ndarray | None = None


def shaded(color: Color, share: float) -> Color:
    """``color`` with its levels times ``share``."""
    blue, green, red = color
    return blue * share, green * share, red * share


def solid(points: ArrayLike, radii: ArrayLike, color: Color, bias: float = 0.0, flat: bool = False) -> Shape:
    """The hull of balls; one radius serves all points."""
    points = np.asarray(points, dtype=np.float64)
    spread = np.empty(len(points))
    spread[:] = radii
    return Shape(points, spread, color, bias, flat)


def face(points: np.ndarray, outward: np.ndarray, color: Color, bias: float = 0.0) -> Shape:
    """A flat convex face at (N, 3) points that is seen only from the side that ``outward`` points to."""
    return Shape(points, np.zeros(len(points)), color, bias, flat=True, outward=outward)


def wire(points: ArrayLike, radius: float, color: Color, bias: float = 0.0) -> Shape:
    """A rod of ``radius`` metres through the points."""
    points = np.asarray(points, dtype=np.float64)
    return Shape(points, np.full(len(points), radius), color, bias, True, True)


@dataclass(frozen=True)
class Sprite:
    """What is drawn as one thing.

    Attributes:
        base: (x, y) on the ground; the sprite's place in the painter's order.
        event: 0 for normal, else the number of the anomaly that it shows.
    """

    shapes: list[Shape]
    base: tuple[float, float]
    event: int = 0
    floor: float = 0.0  # height of the ground it stands on, where its shadow falls
    shade: float = 0.0  # 0 in the sun, 1 in full shade

    @cached_property
    def points(self) -> np.ndarray:
        """(N, 3): the points of all shapes, in order."""
        return np.concatenate([shape.points for shape in self.shapes])

    @cached_property
    def radii(self) -> np.ndarray:
        """(N,): the radii at those points."""
        return np.concatenate([shape.radii for shape in self.shapes])

    @cached_property
    def starts(self) -> np.ndarray:
        """(S + 1,): where each shape's points begin in ``points``, and their end."""
        return np.cumsum([0] + [len(shape.points) for shape in self.shapes])

    @cached_property
    def spans(self) -> list[slice]:
        """Where each shape's points are in ``points``."""
        return [slice(a, b) for a, b in pairwise(self.starts.tolist())]


@dataclass(frozen=True)
class Patch:
    """A rasterised sprite: (h, w, 4) uint8 premultiplied BGRA whose top left pixel is (x, y) of the frame."""

    x: int
    y: int
    image: np.ndarray


def rasterise(sprite: Sprite, camera: Camera, light: Light) -> Patch | None:
    """The sprite as the camera sees it, or None where no pixel of it is in the picture."""
    pixels, depth = camera.project(sprite.points)
    reach = sprite.radii * camera.focal_pixels / depth
    low = np.maximum(np.floor((pixels - reach[:, None]).min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil((pixels + reach[:, None]).max(axis=0)).astype(int) + 2, (camera.width, camera.height))
    if (high <= low).any() or depth.min() < 0.5:
        return None
    canvas = np.zeros((*((high - low) * SUPERSAMPLE)[::-1], 4), np.uint8)
    centres = (pixels - low) * SUPERSAMPLE - 0.5
    sizes = reach * SUPERSAMPLE
    sunward = (camera.axes[:2] @ np.asarray(light.sun)) * 0.3
    whole = _fixed(centres[:, None] + sizes[:, None, None] * _RING)
    lit = _fixed(centres[:, None] + sizes[:, None, None] * (0.66 * _RING + sunward))
    dim = 1.0 - 0.6 * light.shadow * sprite.shade
    mean_depth = np.add.reduceat(depth, sprite.starts[:-1]) / np.diff(sprite.starts)
    largest = np.maximum.reduceat(sizes, sprite.starts[:-1]).tolist()
    farness = mean_depth - [shape.bias for shape in sprite.shapes]
    for index in np.argsort(-farness, kind="stable").tolist():
        shape, own = sprite.shapes[index], sprite.spans[index]
        if shape.outward is not None and (shape.points[0] - (0, 0, camera.altitude)) @ shape.outward >= 0:
            continue
        blue, green, red = (dim * channel for channel in shape.color)
        if shape.wire:
            thickness = max(1, round(2 * largest[index]))
            line = _fixed(centres[own])
            cv2.polylines(canvas, [line], False, (blue, green, red, 255), thickness, cv2.LINE_AA, _SHIFT)
        elif shape.flat or largest[index] < _PLAIN:
            _fill(canvas, whole[own], (blue, green, red, 255))
        else:
            _fill(canvas, whole[own], (blue * 0.82, green * 0.82, red * 0.82, 255))
            _fill(canvas, lit[own], (min(blue * 1.1, 255), min(green * 1.1, 255), min(red * 1.1, 255), 255))
    image = cv2.resize(canvas, tuple((high - low).tolist()), interpolation=cv2.INTER_AREA)
    return Patch(int(low[0]), int(low[1]), image)


def _fixed(pixels: np.ndarray) -> np.ndarray:
    return np.round(pixels * (1 << _SHIFT)).astype(np.int32)


def _fill(canvas: np.ndarray, rings: np.ndarray, color: tuple) -> None:
    outline = rings[0] if len(rings) == 1 else cv2.convexHull(rings.reshape(-1, 2))
    cv2.fillConvexPoly(canvas, outline, color, cv2.LINE_AA, _SHIFT)


def cast_shadow(mask: np.ndarray, sprite: Sprite, camera: Camera, light: Light) -> None:
    """Fill the sprite's shadow on the ground with 255 in ``mask``, (H, W) uint8."""
    sun = np.asarray(light.sun)
    fallen = sprite.points - sun * ((sprite.points[:, 2:] - sprite.floor) / sun[2])
    ring = fallen[:, None, :2] + np.maximum(sprite.radii, 0.02)[:, None, None] * _RING[::2]
    ground = np.concatenate([ring, np.full((*ring.shape[:2], 1), sprite.floor)], axis=2)
    pixels, depth = camera.project(ground.reshape(-1, 3))
    if (pixels.max(axis=0) < 0).any() or (pixels.min(axis=0) > mask.shape[::-1]).any():
        return
    if depth.min() < 0.6:
        return
    fixed = _fixed(pixels - 0.5).reshape(*ring.shape[:2], 2)
    largest = np.maximum.reduceat(sprite.radii, sprite.starts[:-1]).tolist()
    for shape, own, radius in zip(sprite.shapes, sprite.spans, largest, strict=True):
        if radius < 0.05 and not shape.flat:
            continue  # hands and feet: lost in the blur
        parts = pairwise(fixed[own]) if shape.wire else [(fixed[own],)]
        for part in parts:
            hull = cv2.convexHull(np.concatenate(part).reshape(-1, 2))
            cv2.fillConvexPoly(mask, hull, 255, cv2.LINE_8, _SHIFT)
