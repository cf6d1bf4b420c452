"""The ordinary life of campus-sim: walkers, groups, pauses, umbrellas, bags, dogs, pigeons, people on benches.

Training and test clips draw from the same crowd, so nothing here is a sign of an anomaly.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vad.simulation import objects
from vad.simulation.actors import FPS, Actor, Mover, Person, Route, Track, carry_bag, carry_umbrella, pause
from vad.simulation.backdrop import Backdrop
from vad.simulation.gait import PHONE, SIT, STAND, Pose, blend
from vad.simulation.people import random_look

_UMBRELLAS = [(186, 150, 60), (70, 60, 190), (200, 196, 200), (90, 160, 70), (170, 110, 190)]
_COATS = [(60, 100, 160), (44, 46, 50), (190, 200, 208), (70, 130, 190)]
_BAGS = [(46, 52, 120), (92, 66, 40), (50, 50, 52), (66, 104, 74), (40, 110, 170)]


def ordinary(scene: Backdrop, frames: int, rng: np.random.Generator) -> list[Actor]:
    """Everybody who behaves in a clip of ``frames`` frames."""
    layout = scene.layout
    actors: list[Actor] = []
    for seat in layout.seats:
        if rng.random() < 0.35:
            actors.append(_sitter(seat, frames, rng))
    if rng.random() < 0.4:
        actors += _talkers(layout.spots[rng.integers(len(layout.spots))], frames, rng)
    if rng.random() < 0.4:
        actors += _pigeons(layout.spots[rng.integers(len(layout.spots))], frames, rng)
    count = rng.poisson(layout.crowd * 0.5 * (1 + frames / 250))
    for _ in range(max(2, count)):
        actors += roomy(lambda: _walkers(scene, frames, rng), actors)
    return actors


def roomy(draw: Callable[[], list[Actor]], others: list[Actor], tries: int = 4) -> list[Actor]:
    """Of a few draws, the actors that come least close to the others."""
    best, best_gap = [], -1.0
    for _ in range(tries):
        drawn = draw()
        gaps = [np.hypot(*(a.xy[::6] - b.xy[::6]).T).min() for a in drawn for b in others]
        gap = min(gaps, default=np.inf)
        if gap > best_gap:
            best, best_gap = drawn, gap
        if gap > 1.1:
            break
    return best


def visible_start(
    scene: Backdrop, route: Route, speed: np.ndarray, frame: int, rng: np.random.Generator, reach: float = np.inf
) -> float:
    """Where on ``route`` to be in frame 0, in metres, so as to be at a seen place of it in ``frame``.

    With ``reach``, the place is no further from the camera than so many metres and clear of the picture's edge.
    """
    within = scene.layout.within(*route.xy.T)
    clear = scene.camera.sees(route.xy, -0.12) & within & (np.hypot(*route.xy.T) < reach)
    if np.isinf(reach) or not clear.any():
        clear = scene.camera.sees(route.xy) & within
    return float(rng.choice(route.along[clear]) - speed[:frame].sum() / FPS)


def random_route(scene: Backdrop, rng: np.random.Generator) -> Route:
    """One of the scene's routes, either way, in a lane of its own: people keep to the right."""
    layout = scene.layout
    line = layout.routes[rng.integers(len(layout.routes))]
    return Route(line, -rng.uniform(0.15, 1.0) * layout.lane, bool(rng.integers(2)))


def _walkers(scene: Backdrop, frames: int, rng: np.random.Generator) -> list[Actor]:
    route = random_route(scene, rng)
    pace = rng.normal(1.28, 0.14)
    speed = np.full(frames, np.clip(pace, 0.9, 1.65))
    kind = rng.choice(["alone", "group", "pauses", "umbrella", "bag", "dog"], p=[0.36, 0.26, 0.12, 0.08, 0.11, 0.07])
    if kind == "pauses":
        first = int(rng.integers(0, max(1, frames - 20)))
        speed = pause(speed, first, first + int(rng.integers(24, 80)))
    start = visible_start(scene, route, speed, int(rng.integers(frames)), rng)
    track = route.track(start, speed)
    person = _person(track, rng)
    if kind == "group":
        side: list[Actor] = [person]
        for k in range(int(rng.integers(1, 3))):
            shifted = _beside(track, (k + 1) * rng.uniform(0.58, 0.72), rng.uniform(-0.35, 0.35))
            side.append(_person(shifted, rng))
        return side
    if kind == "pauses" and rng.random() < 0.6:
        person.posing = _phoning(person)
    if kind == "umbrella":
        color = _UMBRELLAS[rng.integers(len(_UMBRELLAS))]
        carry_umbrella(person, color, int(rng.integers(-60, frames)))
    if kind == "bag":
        carry_bag(person, _BAGS[rng.integers(len(_BAGS))])
    return [person, _dog(track, rng)] if kind == "dog" else [person]


def _person(track: Track, rng: np.random.Generator) -> Person:
    return Person(random_look(rng), track, float(rng.uniform(0, 2 * np.pi)), np.zeros(len(track.speed), int))


def _beside(track: Track, left: float, ahead: float) -> Track:
    c, s = np.cos(track.heading), np.sin(track.heading)
    shift = np.column_stack([ahead * c - left * s, ahead * s + left * c])
    return replace(track, xy=track.xy + shift)


def _phoning(person: Person) -> Callable[[int], Pose]:
    full = max(float(person.track.speed.max()), 0.1)

    def pose(frame: int) -> Pose:
        return blend(PHONE, person.gait(frame), float(np.clip(person.track.speed[frame] / full, 0, 1)))

    return pose


def _still(x: float, y: float, heading: float, frames: int) -> Track:
    return Track(np.tile([x, y], (frames, 1)), np.full(frames, heading), np.zeros(frames))


def _sitter(seat: tuple[float, float, float], frames: int, rng: np.random.Generator) -> Person:
    x, y, heading = seat
    person = _person(_still(x + 0.12 * np.cos(heading), y + 0.12 * np.sin(heading), heading, frames), rng)
    person.look = replace(person.look, backpack=None)
    beat, reads = rng.uniform(30, 90), rng.random() < 0.5
    sitting = replace(SIT, elbow=(1.3, 1.5)) if reads else SIT
    person.posing = lambda frame: replace(sitting, lean=0.04 + 0.04 * np.sin(frame / beat))
    return person


def _talkers(spot: tuple[float, float], frames: int, rng: np.random.Generator) -> list[Actor]:
    turn = rng.uniform(0, 2 * np.pi)
    actors: list[Actor] = []
    for k in range(int(rng.integers(2, 4))):
        a = turn + k * 2 * np.pi / 3 + (0.5 if k else 0)
        x, y = spot[0] + 0.55 * np.cos(a), spot[1] + 0.55 * np.sin(a)
        person = _person(_still(x, y, a + np.pi, frames), rng)
        beat, shift = rng.uniform(7, 16), rng.uniform(0, 6)

        def pose(frame: int, beat: float = beat, shift: float = shift) -> Pose:
            wave = max(0.0, np.sin(frame / beat / 3 + shift)) * (0.5 + 0.5 * np.sin(frame / beat + shift))
            return replace(STAND, arm=(0.1, 0.1 + 0.5 * wave), elbow=(0.2, 0.3 + 1.1 * wave), lean=0.02 + 0.02 * wave)

        person.posing = pose
        actors.append(person)
    return actors


def _pigeons(spot: tuple[float, float], frames: int, rng: np.random.Generator) -> list[Actor]:
    flock: list[Actor] = []
    for _ in range(int(rng.integers(2, 5))):
        hop = (rng.random(frames) < 0.06).astype(float)
        speed = np.convolve(hop, np.ones(10), mode="same").clip(0, 1) * 0.5
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, frames) * hop)
        step = np.column_stack([np.cos(heading), np.sin(heading)]) * speed[:, None] / FPS
        xy = np.asarray(spot) + rng.normal(0, 0.7, 2) + np.cumsum(step, axis=0)
        beat, shift = rng.uniform(8, 14), rng.uniform(0, 6)

        def draw(frame: int, place: objects.Placing, beat: float = beat, shift: float = shift) -> list:
            return objects.pigeon(place, float(np.clip(np.sin(frame / beat * 2 + shift) * 2 - 0.8, 0, 1)))

        flock.append(Mover(Track(xy, heading, speed), np.zeros(frames, int), draw))
    return flock


def _dog(track: Track, rng: np.random.Generator) -> Mover:
    color = _COATS[rng.integers(len(_COATS))]
    own = _beside(track, rng.uniform(0.5, 0.7), rng.uniform(0.4, 1.0))
    phase = track.phase(0.62, float(rng.uniform(0, 6)))
    return Mover(own, np.zeros(len(track.speed), int), lambda frame, place: objects.dog(place, phase[frame], color))
