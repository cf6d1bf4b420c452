"""Who moves in campus-sim: tracks over the ground, and the actors that follow them frame by frame."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from vad.simulation import objects
from vad.simulation.camera import Color, Shape, Sprite
from vad.simulation.gait import Pose, stride, walk
from vad.simulation.people import Look, Placing, body, skeleton

FPS = 24


class Actor(Protocol):
    """Anything that moves: its ground position in every frame, and what to draw in one."""

    xy: np.ndarray  # (T, 2) metres

    def sprites(self, frame: int) -> list[Sprite]: ...


@dataclass(frozen=True)
class Track:
    """A motion over T frames: xy (T, 2) metres, heading (T,) radians, speed (T,) metres per second."""

    xy: np.ndarray
    heading: np.ndarray
    speed: np.ndarray

    def phase(self, cycle: float, start: float) -> np.ndarray:
        """(T,) gait phase in radians for a cycle of ``cycle`` metres."""
        return start + 2 * np.pi * np.cumsum(self.speed) / FPS / cycle


class Route:
    """A smooth line over the ground, walked from its first point on, ``offset`` metres to its left."""

    def __init__(self, line: list[tuple[float, float]], offset: float = 0.0, reverse: bool = False) -> None:
        points = np.asarray(line[::-1] if reverse else line, float)
        ends = (points[0] - points[1], points[-1] - points[-2])
        head, tail = (end / np.hypot(*end) * 40 for end in ends)
        for _ in range(3):  # Chaikin's corner cutting
            inner = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], axis=1)
            points = np.concatenate([points[:1], inner.reshape(-1, 2), points[-1:]])
        points = np.concatenate([points[:1] + head, points, points[-1:] + tail])
        steps = np.hypot(*np.diff(points, axis=0).T)
        along = np.concatenate([[0], np.cumsum(steps)])
        self.along = np.arange(0, along[-1], 0.1)
        dense = np.column_stack([np.interp(self.along, along, points[:, k]) for k in (0, 1)])
        tangent = np.gradient(dense, axis=0)
        kernel = np.ones(15) / 15
        padded = np.pad(tangent, ((7, 7), (0, 0)), mode="edge")
        tangent = np.column_stack([np.convolve(padded[:, k], kernel, mode="valid") for k in (0, 1)])
        self._heading = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
        normal = np.column_stack([-np.sin(self._heading), np.cos(self._heading)])
        self.xy = dense + offset * normal

    def track(self, start: float, speed: np.ndarray) -> Track:
        """The motion that is ``start`` metres along the line in frame 0 and moves with ``speed`` (T,)."""
        place = start + np.concatenate([[0], np.cumsum(speed[:-1])]) / FPS
        xy = np.column_stack([np.interp(place, self.along, self.xy[:, k]) for k in (0, 1)])
        return Track(xy, np.interp(place, self.along, self._heading), speed)


def pause(speed: np.ndarray, first: int, last: int) -> np.ndarray:
    """``speed`` brought to a stop between two frames, easing over half a second."""
    frames = np.arange(len(speed))
    gone = np.clip((frames - first) / 12 + 1, 0, 1) * np.clip((last - frames) / 12 + 1, 0, 1)
    return speed * (1 - gone)


Extra = Callable[[int, dict[str, np.ndarray], Placing], list[Shape]]


@dataclass
class Person:
    """A pedestrian.

    Attributes:
        posing: the pose in a frame; walking by default.
        extras: shapes carried along, given frame, joints (own frame) and placing.
        event: (T,) number of the anomaly that the person shows in each frame, 0 for none.
        floor: height of the ground under (x, y).
    """

    look: Look
    track: Track
    start_phase: float
    event: np.ndarray
    posing: Callable[[int], Pose] | None = None
    extras: list[Extra] = field(default_factory=list)
    raised: float = 0.0

    def __post_init__(self) -> None:
        self.xy = self.track.xy
        self._phase = self.track.phase(stride(self.look.height, running=False), self.start_phase)

    def gait(self, frame: int) -> Pose:
        """The walking pose that fits the person's speed."""
        return walk(self._phase[frame], float(np.clip(self.track.speed[frame] / 1.0, 0, 1.1)))

    def sprites(self, frame: int) -> list[Sprite]:
        x, y = self.xy[frame]
        place = Placing(float(x), float(y), float(self.track.heading[frame]), self.raised)
        joints = skeleton(self.look, self.posing(frame) if self.posing else self.gait(frame))
        shapes = body(self.look, joints, place)
        for extra in self.extras:
            shapes += extra(frame, joints, place)
        return [Sprite(shapes, (place.x, place.y), int(self.event[frame]))]


@dataclass
class Mover:
    """Anything else that follows a track: ``draw`` gives its shapes in a frame; ``event`` as in :class:`Person`."""

    track: Track
    event: np.ndarray
    draw: Callable[[int, Placing], list[Shape]]

    def __post_init__(self) -> None:
        self.xy = self.track.xy

    def sprites(self, frame: int) -> list[Sprite]:
        x, y = self.xy[frame]
        place = Placing(float(x), float(y), float(self.track.heading[frame]))
        return [Sprite(self.draw(frame, place), (place.x, place.y), int(self.event[frame]))]


def carry_umbrella(person: Person, color: Color, opens: int) -> None:
    """Let the person hold an umbrella that opens at frame ``opens``."""

    def spread(frame: int) -> float:
        return float(np.clip((frame - opens) / 14, 0, 1))

    def pose(frame: int) -> Pose:
        gait = person.gait(frame)
        up = spread(frame + 6)
        return replace(gait, arm=(gait.arm[0], 0.1 + 0.35 * up), elbow=(gait.elbow[0], 0.3 + 1.5 * up))

    person.posing = pose
    person.extras.append(lambda frame, joints, place: objects.umbrella(place, joints["hand_r"], color, spread(frame)))


def carry_bag(person: Person, color: Color, until: int | None = None) -> None:
    """Let the person carry a holdall in the right hand, up to frame ``until``."""

    def held(frame: int, joints: dict[str, np.ndarray], place: Placing) -> list[Shape]:
        if until is not None and frame >= until:
            return []
        hand = place.world(joints["hand_r"][None] - (0.0, 0.06, 0.24))[0]
        return objects.bag(replace(place, x=hand[0], y=hand[1], z=hand[2]), color)

    person.extras.append(held)
