"""The anomalies of campus-sim: bicycle, skateboard, vehicle, running, fight, fall, abandoned object, off the path.

Each function plays one of them: it takes the scene, the event's number, the frame at which it shall begin or come into
view, the clip's length and a random generator, and gives actors whose ``event`` marks the abnormal frames.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vad.simulation import objects
from vad.simulation.actors import FPS, Actor, Mover, Person, Route, Track, carry_bag
from vad.simulation.backdrop import Backdrop
from vad.simulation.camera import Shape
from vad.simulation.crowd import random_route, visible_start
from vad.simulation.gait import SIT, Pose, blend, fight, ride_board, run, stride, walk
from vad.simulation.people import Look, Placing, body, random_look, skeleton

Play = Callable[[Backdrop, int, int, int, np.random.Generator], list[Actor]]
_PAINTS = [(60, 60, 190), (170, 110, 40), (70, 130, 60), (40, 150, 215), (200, 200, 205), (50, 50, 52)]
_NEAR = 21.0  # metres from the camera within which a fall, a fight or a throw happens
_LUGGAGE = [(40, 40, 160), (46, 46, 50), (120, 70, 40), (40, 120, 180)]


def _entering(scene: Backdrop, speed: np.ndarray, frame: int, rng: np.random.Generator, drive: bool = False) -> Track:
    """The track on a random route, or on a drive, that comes into the picture over its edge in ``frame``."""
    lines = scene.layout.drives if drive else scene.layout.routes
    while True:
        offset = rng.uniform(-0.3, 0.3) if drive else -rng.uniform(0.15, 1.0) * scene.layout.lane
        route = Route(lines[rng.integers(len(lines))], offset, bool(rng.integers(2)))
        seen = scene.camera.sees(route.xy)
        if not seen[0]:  # else it would come out of the haze, and be there from the first frame on
            return route.track(float(route.along[seen][0]) - speed[:frame].sum() / FPS, speed)


def _reach(dx: float, dz: float, upper: float, lower: float) -> tuple[float, float]:
    """Angles of a two-bone limb from its root to (dx, dz): direction of the target, half opening at the root."""
    far = min(np.hypot(dx, dz), (upper + lower) * 0.999)
    opening = np.arccos(np.clip((upper**2 + far**2 - lower**2) / (2 * upper * far), -1, 1))
    return float(np.arctan2(dx, -dz)), float(opening)


def _cyclist(look: Look, pedals: float, place: Placing) -> list[Shape]:
    h, seat = look.height, np.array([-0.2, 0.0, 1.0])
    thighs, knees = [], []
    for turn in (pedals, pedals + np.pi):
        foot = np.array([-0.06 + 0.17 * np.cos(turn), 0.42 + 0.17 * np.sin(turn)])
        aim, opening = _reach(foot[0] - seat[0], foot[1] - seat[2], 0.245 * h, 0.235 * h)
        far = np.hypot(foot[0] - seat[0], foot[1] - seat[2])
        inner = np.clip((0.245**2 + 0.235**2 - (far / h) ** 2) / (2 * 0.245 * 0.235), -1, 1)
        thighs.append(aim + opening)
        knees.append(float(np.pi - np.arccos(inner)))
    thigh, knee = (thighs[0], thighs[1]), (knees[0], knees[1])
    pose = Pose(thigh=thigh, knee=knee, arm=(0.72, 0.72), elbow=(0.35, 0.35), lean=0.3)
    joints = skeleton(look, pose)
    shift = seat - joints["pelvis"]
    return body(look, {name: joint + shift for name, joint in joints.items()}, place)


def bicycle(scene: Backdrop, number: int, start: int, frames: int, rng: np.random.Generator) -> list[Actor]:
    """Somebody rides a bicycle through, about three times as fast as people walk."""
    speed = np.full(frames, rng.uniform(3.5, 4.3))
    track = _entering(scene, speed, start, rng, drive=rng.random() < 0.4)
    look, color = replace(random_look(rng), handbag=None), _PAINTS[rng.integers(len(_PAINTS))]
    wheels, pedals = -track.phase(2 * np.pi * 0.35, 0.0), -track.phase(4.4, 0.0)

    def draw(frame: int, place: Placing) -> list[Shape]:
        return objects.bicycle(place, wheels[frame], color) + _cyclist(look, pedals[frame], place)

    return [Mover(track, np.full(frames, number), draw)]


def skateboard(scene: Backdrop, number: int, start: int, frames: int, rng: np.random.Generator) -> list[Actor]:
    """Somebody glides through on a board: fast, and without a gait."""
    speed = rng.uniform(2.5, 3.0) * (1 + 0.06 * np.sin(np.arange(frames) / 14))
    track = _entering(scene, speed, start, rng, drive=rng.random() < 0.4)
    look, color = replace(random_look(rng), bottom="trousers", handbag=None), _PAINTS[rng.integers(len(_PAINTS))]
    rider = Person(look, track, 0.0, np.full(frames, number), raised=0.14)
    rider.posing = lambda frame: ride_board(float(np.sin(frame / 11)))
    rider.extras.append(lambda frame, joints, place: objects.skateboard(replace(place, z=0.0), color))
    return [rider]


def vehicle(scene: Backdrop, number: int, start: int, frames: int, rng: np.random.Generator) -> list[Actor]:
    """A cart with its driver or a small van where only people walk."""
    speed = np.full(frames, rng.uniform(3.0, 4.2))
    track = _entering(scene, speed, start, rng, drive=True)
    color, look = _PAINTS[rng.integers(len(_PAINTS) - 1)], replace(random_look(rng), backpack=None, handbag=None)
    is_van = rng.random() < 0.5

    def draw(frame: int, place: Placing) -> list[Shape]:
        if is_van:
            return objects.van(place, color)
        seat = place.world(np.array([[-0.35, 0.25, 0.45]]))[0]
        joints = skeleton(look, replace(SIT, arm=(0.9, 0.9), elbow=(0.4, 0.4)))
        return objects.cart(place, color) + body(look, joints, replace(place, x=seat[0], y=seat[1], z=seat[2]))

    return [Mover(track, np.full(frames, number), draw)]


def _runner(track: Track, number: int, rng: np.random.Generator) -> Person:
    look = replace(random_look(rng), handbag=None, bottom="trousers" if rng.random() < 0.6 else "shorts")
    person = Person(look, track, 0.0, np.full(len(track.speed), number))
    phase = track.phase(stride(look.height, running=True), float(rng.uniform(0, 6)))
    person.posing = lambda frame: run(phase[frame])
    return person


def running(scene: Backdrop, number: int, start: int, frames: int, rng: np.random.Generator) -> list[Actor]:
    """Somebody runs through."""
    speed = np.full(frames, rng.uniform(3.2, 3.8))
    return [_runner(_entering(scene, speed, start, rng), number, rng)]


def brawl(scene: Backdrop, number: int, start: int, frames: int, rng: np.random.Generator) -> list[Actor]:
    """A chase or, more often, two people who meet, fight and part."""
    if rng.random() < 0.35:
        speed = np.full(frames, rng.uniform(3.3, 3.8))
        first = _entering(scene, speed, start, rng)
        back = np.column_stack([np.cos(first.heading), np.sin(first.heading)])
        side = np.column_stack([-np.sin(first.heading), np.cos(first.heading)])
        second = replace(first, xy=first.xy - back * rng.uniform(1.2, 1.6) + side * 0.25)
        return [_runner(first, number, rng), _runner(second, number, rng)]
    return _fighters(scene, number, start, frames, rng)


def _fighters(scene: Backdrop, number: int, start: int, frames: int, rng: np.random.Generator) -> list[Actor]:
    route, still = random_route(scene, rng), np.zeros(frames)
    spot = route.track(visible_start(scene, route, still, 0, rng, _NEAR), still)
    centre, angle = spot.xy[0], spot.heading[0] + rng.uniform(-0.3, 0.3)
    end = start + int(rng.integers(70, 110))
    t = np.arange(frames)
    beat = rng.uniform(2.4, 3.0)
    event = np.where((t >= start) & (t < end), number, 0)
    gap = 0.36 + 1.3 * (np.maximum(start - t, 0) + np.maximum(t - end, 0)) / FPS
    sway = np.where(event > 0, 0.16 * np.sin(t / 5.0), 0.0)
    swirl = angle + np.cumsum(np.where(event > 0, 0.02, 0.0))
    actors: list[Actor] = []
    for sign in (1, -1):
        direction = np.column_stack([np.cos(swirl), np.sin(swirl)])
        xy = centre + direction * (sign * gap + sway)[:, None]
        turned = np.clip((t - end) / 10, 0, 1) * np.pi
        heading = swirl + (np.pi if sign > 0 else 0.0) + turned
        track = Track(xy, heading, np.where(event > 0, 0.0, 1.3))
        person = Person(replace(random_look(rng), handbag=None), track, 0.0, event)

        def pose(frame: int, person: Person = person, sign: int = sign) -> Pose:
            share = float(np.clip((frame - start + 6) / 8, 0, 1) * np.clip((end + 4 - frame) / 8, 0, 1))
            return blend(person.gait(frame), fight(frame / beat + (0 if sign > 0 else 2.0)), share)

        person.posing = pose
        actors.append(person)
    return actors


def fall(scene: Backdrop, number: int, start: int, frames: int, rng: np.random.Generator) -> list[Actor]:
    """A pedestrian falls, lies, and may get up again."""
    t = np.arange(frames)
    up = start + int(rng.integers(80, 110)) if rng.random() < 0.6 else 10 * frames
    moving = np.clip((start + 8 - t) / 14, 0, 1) + np.clip((t - up) / 20, 0, 1)
    speed, route = 1.25 * moving, random_route(scene, rng)
    track = route.track(visible_start(scene, route, speed, start, rng, _NEAR), speed)
    tip = np.clip((t - start) / 15, 0, 1) ** 1.8 * 1.46 * (1 - np.clip((t - up + 34) / 34, 0, 1))
    event = np.where((t >= start) & (t < up), number, 0)
    person = Person(replace(random_look(rng), handbag=None), track, float(rng.uniform(0, 6)), event)
    lying = Pose(thigh=(0.25, -0.05), knee=(0.5, 0.15), arm=(2.3, 1.2), elbow=(0.5, 0.7), spread=(0.5, 0.4))

    def pose(frame: int) -> Pose:
        down = float(tip[frame] / 1.46)
        struggle = replace(lying, arm=(2.3 + 0.15 * np.sin(frame / 9), 1.2 + 0.1 * np.sin(frame / 7)))
        return replace(blend(person.gait(frame), struggle, min(1.0, down * 1.6)), tip=float(tip[frame]))

    person.posing = pose
    return [person]


def abandoned(scene: Backdrop, number: int, start: int, frames: int, rng: np.random.Generator) -> list[Actor]:
    """Somebody throws a bag through the air, or puts one down and walks away from it."""
    t = np.arange(frames)
    thrown = rng.random() < 0.5
    stop = 1 - np.clip((t - start + 26) / 12, 0, 1) * np.clip((start + 22 - t) / 12, 0, 1)
    speed, route = 1.25 * stop, random_route(scene, rng)
    track = route.track(visible_start(scene, route, speed, start, rng, _NEAR), speed)
    look, color = replace(random_look(rng), handbag=None), _LUGGAGE[rng.integers(len(_LUGGAGE))]
    acting = (t >= start - 8) & (t < start + 12) & thrown
    person = Person(look, track, float(rng.uniform(0, 6)), np.where(acting, number, 0))
    carry_bag(person, color, until=start)
    swing = np.clip(1 - np.abs(t - start) / (9 if thrown else 14), 0, 1)
    gesture = replace(Pose(), arm=(0.3, 2.3), elbow=(0.3, 0.2), lean=0.15)
    if not thrown:
        gesture = replace(walk(0.0, 0.0), thigh=(0.9, 0.9), knee=(1.0, 1.0), arm=(0.4, 0.5), lean=0.95)
    person.posing = lambda frame: blend(person.gait(frame), gesture, float(swing[frame]))
    actors: list[Actor] = [person]
    heading = float(track.heading[min(start, frames - 1)]) + (rng.uniform(-0.9, 0.9) if thrown else -0.9)
    air = np.maximum(t - start, 0) / FPS
    height, flight = _flight(air, thrown)
    ahead = np.array([np.cos(heading), np.sin(heading)])
    xy = track.xy[min(start, frames - 1)] + ahead * (0.35 + (3.6 if thrown else 0.0) * flight)[:, None]
    tumble = 7.0 * np.minimum(air, flight.max()) if thrown else 0.0 * t
    there = Track(xy, np.full(frames, heading), np.zeros(frames))

    def draw(frame: int, place: Placing) -> list[Shape]:
        return objects.bag(replace(place, z=float(height[frame])), color, float(tumble[frame]))

    actors.append(Mover(there, np.where(t >= start, number, -1), draw))
    return actors


def _flight(air: np.ndarray, thrown: bool) -> tuple[np.ndarray, np.ndarray]:
    """Height of the bag's centre, and its time in flight up to now, at ``air`` seconds after it left the hand."""
    ground, rise, start = 0.15, 3.2 if thrown else 0.0, 1.5 if thrown else 0.4
    height = start + rise * air - 0.5 * 9.81 * air**2
    landing = (rise + np.sqrt(rise**2 + 2 * 9.81 * (start - ground))) / 9.81
    return np.where(air < landing, height, ground), np.minimum(air, landing)


def off_path(scene: Backdrop, number: int, start: int, frames: int, rng: np.random.Generator) -> list[Actor]:
    """Somebody walks across the lawn, the flower bed or the carriageway."""
    lines = scene.layout.trespass
    route = Route(lines[rng.integers(len(lines))], rng.uniform(-0.3, 0.3), bool(rng.integers(2)))
    speed = np.full(frames, rng.uniform(1.15, 1.45))
    forbidden = scene.camera.sees(route.xy, -0.01) & ~scene.layout.walkable(*route.xy.T)
    track = route.track(float(route.along[forbidden][0]) - speed[:start].sum() / FPS, speed)
    astray = ~scene.layout.walkable(*track.xy.T)
    return [Person(random_look(rng), track, float(rng.uniform(0, 6)), np.where(astray, number, 0))]


EVENTS: dict[str, Play] = {
    "bicycle": bicycle,
    "skateboard": skateboard,
    "vehicle": vehicle,
    "running": running,
    "fight": brawl,
    "fall": fall,
    "abandoned": abandoned,
    "off_path": off_path,
}
