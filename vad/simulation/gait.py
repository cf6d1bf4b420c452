"""How the people of campus-sim hold and move themselves: standing, walking, running, sitting, gliding, fighting.

Angles are radians. Limbs swing in the sagittal plane: 0 hangs straight down, positive swings forward.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Pose:
    """Joint angles; left then right. ``spread`` lifts the arms sideways, ``tip`` tips the whole body over its feet."""

    thigh: tuple[float, float] = (0.03, -0.03)
    knee: tuple[float, float] = (0.04, 0.04)
    arm: tuple[float, float] = (0.05, 0.0)
    elbow: tuple[float, float] = (0.15, 0.15)
    spread: tuple[float, float] = (0.10, 0.10)
    lean: float = 0.02
    twist: float = 0.0
    lift: float = 0.0
    tip: float = 0.0


STAND = Pose()
SIT = Pose(thigh=(1.45, 1.5), knee=(1.45, 1.4), arm=(0.5, 0.6), elbow=(0.9, 0.8), lean=0.02)
PHONE = replace(STAND, arm=(0.05, 0.55), elbow=(0.15, 1.7))


def stride(height: float, running: bool) -> float:
    """Metres covered by one full gait cycle (two steps)."""
    return height * (1.55 if running else 0.82)


def walk(phase: float, vigour: float = 1.0) -> Pose:
    """Walking pose at ``phase`` radians of the gait cycle; ``vigour`` 0 stands still, 1 walks at full step."""
    left, right = phase, phase + np.pi

    def thigh(p: float) -> float:
        return vigour * (0.43 * np.cos(p) + 0.04)

    def knee(p: float) -> float:
        return 0.06 + vigour * (0.98 * max(0.0, -np.sin(p - 0.25)) ** 1.4 + 0.12 * max(0.0, np.sin(p)))

    def arm(p: float) -> float:
        return -0.38 * vigour * np.cos(p)

    return Pose(
        thigh=(thigh(left), thigh(right)),
        knee=(knee(left), knee(right)),
        arm=(arm(left), arm(right)),
        elbow=(0.2 + 0.15 * vigour * max(0.0, -np.cos(left)), 0.2 + 0.15 * vigour * max(0.0, -np.cos(right))),
        lean=0.03 + 0.03 * vigour,
        twist=0.12 * vigour * np.cos(phase),
    )


def run(phase: float) -> Pose:
    """Running pose: long stride, high heel, bent pumping arms, body leaning forward, both feet off the ground."""

    def thigh(p: float) -> float:
        return 0.78 * np.cos(p) + 0.22

    def knee(p: float) -> float:
        return 0.25 + 1.55 * max(0.0, -np.sin(p - 0.35)) ** 1.2

    left, right = phase, phase + np.pi
    return Pose(
        thigh=(thigh(left), thigh(right)),
        knee=(knee(left), knee(right)),
        arm=(-0.85 * np.cos(left) - 0.1, -0.85 * np.cos(right) - 0.1),
        elbow=(1.55, 1.55),
        spread=(0.2, 0.2),
        lean=0.24,
        twist=0.25 * np.cos(phase),
        lift=0.06 * abs(np.sin(phase)),
    )


def ride_board(sway: float) -> Pose:
    """Standing sideways on a board: knees bent, arms out for balance, no gait."""
    return Pose(
        thigh=(0.62, 0.12),
        knee=(0.62, 0.5),
        arm=(0.25 + 0.2 * sway, -0.2 - 0.2 * sway),
        elbow=(0.4, 0.5),
        spread=(0.75 + 0.15 * sway, 0.7 - 0.15 * sway),
        lean=0.16,
    )


def fight(beat: float) -> Pose:
    """Blow by blow: one arm strikes while the other guards; ``beat`` in radians."""
    left, right = max(0.0, np.sin(beat)), max(0.0, -np.sin(beat))
    kick = max(0.0, np.sin(beat * 0.5 - 0.8)) ** 6
    return Pose(
        thigh=(0.35, -0.35 + 1.5 * kick),
        knee=(0.35, 0.3 + 0.3 * kick),
        arm=(0.6 + 1.0 * left, 0.6 + 1.0 * right),
        elbow=(1.9 - 1.8 * left, 1.9 - 1.8 * right),
        spread=(0.25, 0.25),
        lean=0.22 + 0.15 * np.sin(beat * 0.5),
        twist=0.5 * np.sin(beat),
    )


def blend(first: Pose, second: Pose, share: float) -> Pose:
    """The pose ``share`` of the way from the first to the second."""

    def mix(a: Any, b: Any) -> Any:
        if isinstance(a, tuple):
            return tuple(mix(x, y) for x, y in zip(a, b, strict=True))
        return (1 - share) * a + share * b

    return Pose(**{key: mix(getattr(first, key), getattr(second, key)) for key in Pose.__dataclass_fields__})
