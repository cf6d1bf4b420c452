"""An empty scene of campus-sim, drawn once: its picture, its standing shadows, and what can hide a person."""

from dataclasses import dataclass

import cv2
import numpy as np

from vad.simulation.camera import Camera, Light, Patch, cast_shadow, rasterise
from vad.simulation.layout import Layout, Wall
from vad.simulation.scenes import LAYOUTS


@dataclass(frozen=True)
class Backdrop:
    """A scene ready for people.

    Attributes:
        image: (H, W, 3) uint8 BGR, the empty scene; shade: (H, W) uint8, 255 in the shadow of what stands there.
        vignette: (H, W, 3) uint8, the lens's fall-off as a factor times 255, not yet in ``image``.
        occluders: (distance in metres, patch) of everything that stands in the scene.
    """

    layout: Layout
    camera: Camera
    image: np.ndarray
    shade: np.ndarray
    vignette: np.ndarray
    occluders: list[tuple[float, Patch]]


def distance(camera: Camera, base: tuple[float, float]) -> float:
    """How far a ground point is along the view: the painter's order."""
    return base[0] * np.sin(camera.yaw) + base[1] * np.cos(camera.yaw)


def build(scene: int, width: int, height: int, seed: int) -> Backdrop:
    """Scene number ``scene`` (0-based) at ``width`` x ``height`` pixels."""
    layout = LAYOUTS[scene](np.random.default_rng(np.random.SeedSequence([seed, 7, scene])))
    camera = Camera(width, height, layout.altitude, layout.pitch, layout.focal, layout.yaw)
    image = _surfaces(layout, camera, 2)
    shade = np.zeros((height, width), np.uint8)
    for sprite in layout.props:
        cast_shadow(shade, sprite, camera, layout.light)
    shade = soften(shade, camera, layout.light)
    image *= shadow_gain(shade, layout.light)
    image = np.clip(image, 0, 255).astype(np.uint8)
    occluders = []
    for sprite in sorted(layout.props, key=lambda s: -distance(camera, s.base)):
        patch = rasterise(sprite, camera, layout.light)
        if patch is not None:
            paste(image, patch)
            occluders.append((distance(camera, sprite.base), patch))
    return Backdrop(layout, camera, image, shade, _vignette(camera), occluders)


def soften(mask: np.ndarray, camera: Camera, light: Light) -> np.ndarray:
    """A hard shadow mask blurred by the light's softness at a middle distance."""
    sigma = max(0.6, light.softness * camera.focal_pixels / 16.0)
    return cv2.GaussianBlur(mask, (0, 0), sigma)


def shadow_gain(shade: np.ndarray, light: Light) -> np.ndarray:
    """(..., 3) float32 factors: shadows are darker and bluer than the light."""
    share = (shade.astype(np.float32) / 255)[..., None]
    return 1 - share * (light.shadow * np.array([0.9, 1.0, 1.06], np.float32))


def paste(image: np.ndarray, patch: Patch) -> None:
    """Lay a premultiplied patch over (H, W, 3) ``image`` in place."""
    h, w = patch.image.shape[:2]
    spot = image[patch.y : patch.y + h, patch.x : patch.x + w]
    keep = cv2.cvtColor(cv2.bitwise_not(patch.image[..., 3]), cv2.COLOR_GRAY2BGR)
    cv2.add(cv2.multiply(spot, keep, scale=1 / 255), patch.image[..., :3], dst=spot)


def _surfaces(layout: Layout, camera: Camera, scale: int) -> np.ndarray:
    """Ground, walls and sky by casting a ray through every pixel: (H, W, 3) float32."""
    rays = camera.rays(scale)
    down = -rays[..., 2]
    reach = np.where(down > 1e-3, layout.altitude / np.maximum(down, 1e-3), np.inf)
    near = np.minimum(reach, 400)
    image: np.ndarray = layout.ground(rays[..., 0] * near, rays[..., 1] * near).astype(np.float32)
    haze = np.clip((near - 25) / 160, 0, 0.5)[..., None]
    image = image * (1 - haze) + np.array([206, 196, 186], np.float32) * haze
    up = np.clip(-down * 4, 0, 1)[..., None]
    sky = np.array([232, 222, 212], np.float32) * (1 - up) + np.array([226, 190, 156], np.float32) * up
    image = np.where(np.isinf(reach)[..., None], sky, image)
    for wall in layout.walls:
        image, reach = _stand(wall, layout.altitude, rays, image, reach)
    image *= np.array(layout.light.tint, np.float32)
    return cv2.resize(image, (camera.width, camera.height), interpolation=cv2.INTER_AREA)


def _stand(
    wall: Wall, altitude: float, rays: np.ndarray, image: np.ndarray, reach: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    start, end = np.array(wall.start), np.array(wall.end)
    length = np.hypot(*(end - start))
    along = (end - start) / length
    normal = np.array([-along[1], along[0]])
    facing = rays[..., 0] * normal[0] + rays[..., 1] * normal[1]
    distance = np.where(np.abs(facing) > 1e-4, (start @ normal) / np.where(facing == 0, 1, facing), np.inf)
    distance = np.where(distance > 0, distance, np.inf)
    finite = np.minimum(distance, 1e3)
    place = (rays[..., 0] * finite - start[0]) * along[0] + (rays[..., 1] * finite - start[1]) * along[1]
    z = altitude + rays[..., 2] * finite
    hit = (distance <= reach) & (z >= 0) & (z <= wall.top) & (place >= 0) & (place <= length)
    tones = wall.surface(place.astype(np.float32), z.astype(np.float32))
    return np.where(hit[..., None], tones, image), np.where(hit, distance, reach)


def _vignette(camera: Camera) -> np.ndarray:
    y, x = np.mgrid[0 : camera.height, 0 : camera.width]
    radius = ((x / camera.width - 0.5) ** 2 + (y / camera.height - 0.5) ** 2) / 0.5
    return np.repeat((255 * (1 - 0.15 * radius))[..., None], 3, axis=2).astype(np.uint8)
