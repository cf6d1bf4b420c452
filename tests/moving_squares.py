"""Tiny clips for the tests: a textured square that crosses a still, textured ground at a known speed."""

from pathlib import Path

import cv2
import numpy as np

from vad.data.frames import Clip, ClipWriter

WIDTH, HEIGHT, FPS = 160, 120, 10.0
TALL, WIDE = 32, 16  # of the square, pixels


def ground() -> np.ndarray:
    """(H, W) uint8, the same for every clip."""
    noise = np.random.default_rng(0).integers(60, 120, (HEIGHT, WIDTH)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def clip(folder: Path, name: str, speed: float, frames: int = 40, scene: str = "01", split: str = "train") -> Clip:
    """A clip whose square starts at x = 8, y = 50 and moves ``speed`` pixels to the right per frame, turning round."""
    texture = cv2.GaussianBlur(np.random.default_rng(1).integers(120, 256, (TALL, WIDE)).astype(np.uint8), (0, 0), 1.0)
    path = folder / "frames" / f"{name}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with ClipWriter(path, 95) as writer:
        for frame in range(frames):
            image, x = ground(), left(frame, speed)
            image[50 : 50 + TALL, x : x + WIDE] = texture
            writer.add(frame, image)
    numbers = np.arange(frames)
    labels = np.zeros(frames, np.int8)
    return Clip(name, scene, split, FPS, numbers, labels, numbers, path=path, size=(WIDTH, HEIGHT))


def left(frame: int, speed: float) -> int:
    """Left edge of the square, pixels."""
    room = WIDTH - WIDE - 16
    way = (frame * speed) % (2 * room)
    return 8 + round(min(way, 2 * room - way))
