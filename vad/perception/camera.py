"""A camera: what is known of it before the first frame."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Camera:
    """One fixed camera, or one clip of it.

    Attributes:
        name: unique among the cameras that run at once.
        scene: the view that detectors were fitted on; several clips of a data set share one.
        fps: frames per second at which it is looked at, by which frame numbers count.
        size: (width, height) of its frames in pixels.
    """

    name: str
    scene: str
    fps: float
    size: tuple[int, int]
