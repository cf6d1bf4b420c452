"""One clip of campus-sim: its cast, and its frames drawn back to front."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import cv2
import numpy as np

from vad.simulation.actors import Actor
from vad.simulation.backdrop import Backdrop, build, distance, paste, soften
from vad.simulation.camera import Patch, Sprite, cast_shadow, rasterise
from vad.simulation.crowd import ordinary, roomy
from vad.simulation.events import EVENTS

VISIBLE = 20  # an anomaly counts in a frame when more than so many of its pixels are seen


@dataclass(frozen=True)
class Plan:
    """What a clip shall be: its name, scene (0-based), seed, picture size, length and (type, first frame) of events.

    ``drawn`` are the frames to render, ascending; None: all of them.
    """

    name: str
    scene: int
    split: str
    seed: tuple[int, ...]
    size: tuple[int, int]
    frames: int
    events: tuple[tuple[str, int], ...] = ()
    drawn: tuple[int, ...] | None = None


@lru_cache(maxsize=8)
def _backdrop(scene: int, width: int, height: int, seed: int) -> Backdrop:
    return build(scene, width, height, seed)


def render(plan: Plan) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The clip's frames: (H, W, 3) uint8 BGR, and (H, W) uint8 with the number of the event that each pixel shows.

    Events are numbered from 1 in the plan's order. An event seen by no more than ``VISIBLE`` pixels is left out.
    """
    cv2.setNumThreads(1)
    scene, actors, rng = _cast(plan)
    light = _drift(plan.frames, rng)
    noise = _noise(plan.size, rng)
    present = _present(scene, actors)
    for frame in range(plan.frames) if plan.drawn is None else plan.drawn:
        image, owner = _draw(scene, [a for a, there in zip(actors, present, strict=True) if there[frame]], frame)
        counts = np.bincount(owner.ravel(), minlength=len(plan.events) + 1)
        for number in range(1, len(plan.events) + 1):
            if 0 < counts[number] <= VISIBLE:
                owner[owner == number] = 0
        yield _sense(image, light[frame], noise, rng), owner


def seen(plan: Plan) -> Iterator[np.ndarray]:
    """Per frame of the clip, (N, 5) int: an actor's number, from 1, and the box x1, y1, x2, y2 of its seen pixels.

    The number is the same in every frame: the identities that a tracker shall find. Boxes end before x2 and y2; an
    actor of whom no more than ``VISIBLE`` pixels are seen is left out.
    """
    cv2.setNumThreads(1)
    scene, actors, _ = _cast(plan)
    present = _present(scene, actors)
    for frame in range(plan.frames) if plan.drawn is None else plan.drawn:
        numbered = [
            (number, _shaded(sprite, scene))
            for number, (actor, there) in enumerate(zip(actors, present, strict=True), start=1)
            if there[frame]
            for sprite in actor.sprites(frame)
            if sprite.event >= 0
        ]
        owner = np.zeros(scene.shade.shape, np.uint16)
        for patch, index in _back_to_front(scene, [sprite for _, sprite in numbered]):
            _own(owner, patch, 0 if index is None else numbered[index][0])
        yield np.array(
            [
                (number, x, y, x + width, y + height)
                for number in np.unique(owner[owner > 0])
                if np.count_nonzero(mask := owner == number) > VISIBLE
                for x, y, width, height in [cv2.boundingRect(mask.astype(np.uint8))]
            ],
            np.int64,
        ).reshape(-1, 5)


def _cast(plan: Plan) -> tuple[Backdrop, list[Actor], np.random.Generator]:
    scene = _backdrop(plan.scene, *plan.size, plan.seed[0])
    rng = np.random.default_rng(np.random.SeedSequence(plan.seed))
    actors = ordinary(scene, plan.frames, rng)
    for number, (kind, start) in enumerate(plan.events, start=1):
        actors += roomy(partial(EVENTS[kind], scene, number, start, plan.frames, rng), actors)
    return scene, actors, rng


def _present(scene: Backdrop, actors: list[Actor]) -> list[np.ndarray]:
    """Per actor (T,) bool: within the scene and before the camera."""
    return [scene.layout.within(*actor.xy.T) & scene.camera.sees(actor.xy, 0.16) for actor in actors]


def _back_to_front(scene: Backdrop, sprites: list[Sprite]) -> list[tuple[Patch, int | None]]:
    """What is painted, the farthest first: patches and whose of ``sprites`` they are, None for the scene's own."""
    layers: list[tuple[float, Patch, int | None]] = [(far, patch, None) for far, patch in scene.occluders]
    for index, sprite in enumerate(sprites):
        patch = rasterise(sprite, scene.camera, scene.layout.light)
        if patch is not None:
            layers.append((distance(scene.camera, sprite.base), patch, index))
    return [(patch, index) for _, patch, index in sorted(layers, key=lambda layer: -layer[0])]


def _own(owner: np.ndarray, patch: Patch, number: int) -> None:
    """Write ``number`` where the patch covers (H, W) ``owner``."""
    h, w = patch.image.shape[:2]
    owner[patch.y : patch.y + h, patch.x : patch.x + w][patch.image[..., 3] > 127] = number


def _draw(scene: Backdrop, actors: list[Actor], frame: int) -> tuple[np.ndarray, np.ndarray]:
    camera, layout = scene.camera, scene.layout
    sprites = [sprite for actor in actors for sprite in actor.sprites(frame)]
    sprites = [_shaded(sprite, scene) for sprite in sprites if sprite.event >= 0]
    shadow: np.ndarray = np.zeros(scene.shade.shape, np.uint8)
    for sprite in sprites:
        cast_shadow(shadow, sprite, camera, layout.light)
    shadow = cv2.multiply(soften(shadow, camera, layout.light), cv2.bitwise_not(scene.shade), scale=1 / 255)
    ramp = np.arange(256, dtype=np.float32)[:, None] * (layout.light.shadow * np.array([0.9, 1.0, 1.06], np.float32))
    table = (255 - ramp).astype(np.uint8)[None]
    gain = cv2.LUT(cv2.cvtColor(shadow, cv2.COLOR_GRAY2BGR), table)
    image = cv2.multiply(scene.image, gain, scale=1 / 255)
    owner = np.zeros(shadow.shape, np.uint8)
    for patch, index in _back_to_front(scene, sprites):
        paste(image, patch)
        _own(owner, patch, 0 if index is None else sprites[index].event)
    return cv2.multiply(image, scene.vignette, scale=1 / 255), owner


def _shaded(sprite: Sprite, scene: Backdrop) -> Sprite:
    (pixel,), _ = scene.camera.project(np.array([[*sprite.base, 0.0]]))
    x = int(np.clip(pixel[0], 0, scene.camera.width - 1))
    y = int(np.clip(pixel[1], 0, scene.camera.height - 1))
    return Sprite(sprite.shapes, sprite.base, sprite.event, sprite.floor, scene.shade[y, x] / 255)


def _drift(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(T, 3) blue, green, red gains: the hour of the clip, slow clouds, the camera's white balance."""
    t = np.arange(frames)
    clouds = rng.uniform(0.01, 0.04) * np.sin(2 * np.pi * t / rng.uniform(120, 400) + rng.uniform(0, 6))
    level = rng.uniform(0.93, 1.04) + clouds
    return level[:, None] * (1 + rng.normal(0, 0.012, 3))


def _noise(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A sheet of sensor noise larger than the picture; each frame takes another part of it."""
    w, h = size
    grain = rng.normal(0, 2.6, (h + 61, w + 61, 1)) + rng.normal(0, 1.1, (h + 61, w + 61, 3))
    return np.round(grain).astype(np.int16)


def _sense(image: np.ndarray, gain: np.ndarray, noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    h, w = image.shape[:2]
    y, x = rng.integers(0, 62, 2)
    exposed = cv2.multiply(image, (*gain.tolist(), 0.0))  # type: ignore[call-overload]  # the stubs know no scalar
    return cv2.add(exposed, noise[y : y + h, x : x + w], dtype=cv2.CV_8U)
