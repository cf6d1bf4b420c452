"""The people of campus-sim: what they look like, their skeleton in a pose, and the clothed body on it.

A body is built in its own frame (x forward, y to its left, z up) and then turned to its heading and set on the ground.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vad.simulation.camera import Color, Shape, shaded
from vad.simulation.gait import STAND, Pose

_SKIN = [(122, 158, 206), (110, 146, 198), (138, 174, 220), (84, 116, 166), (62, 86, 128)]
_HAIR = [(24, 22, 24), (30, 34, 42), (36, 48, 70), (18, 18, 20), (60, 84, 112), (120, 124, 128)]
_TOPS = [
    (196, 196, 200), (60, 54, 50), (70, 60, 160), (150, 104, 60), (96, 130, 72), (70, 150, 205), (60, 44, 34),
    (168, 150, 190), (176, 172, 120), (52, 66, 130), (214, 214, 206), (110, 96, 84),
]  # fmt: skip
_LEGS = [(86, 60, 44), (48, 44, 42), (120, 92, 70), (96, 120, 140), (62, 56, 54), (38, 34, 34), (140, 150, 160)]
_SHOES = [(40, 38, 38), (206, 208, 210), (50, 60, 92), (70, 66, 130)]
_BAGS = [(44, 40, 40), (40, 52, 120), (110, 74, 40), (66, 96, 66), (60, 110, 170)]


@dataclass(frozen=True)
class Look:
    """What a person wears and is: height in metres, build as a factor on widths, colours in BGR."""

    height: float
    build: float
    skin: Color
    hair: Color
    long_hair: bool
    top: Color
    legs: Color
    shoes: Color
    bottom: str  # trousers, shorts or skirt
    sleeves: str  # long or short
    backpack: Color | None
    handbag: Color | None


def random_look(rng: np.random.Generator) -> Look:
    """A person as met on a campus."""

    def pick(palette: Sequence[Color]) -> Color:
        color = np.asarray(palette[int(rng.integers(len(palette)))]) * rng.uniform(0.85, 1.12)
        return tuple(np.clip(color, 5, 240).tolist())

    woman = rng.random() < 0.5
    bottom = str(rng.choice(["trousers", "shorts", "skirt"], p=[0.55, 0.15, 0.3] if woman else [0.72, 0.28, 0.0]))
    return Look(
        height=float(rng.normal(1.63 if woman else 1.75, 0.05)),
        build=float(rng.uniform(0.88, 1.12)),
        skin=pick(_SKIN),
        hair=pick(_HAIR),
        long_hair=bool(woman and rng.random() < 0.75),
        top=pick(_TOPS),
        legs=pick(_LEGS),
        shoes=pick(_SHOES),
        bottom=bottom,
        sleeves="short" if rng.random() < 0.5 else "long",
        backpack=pick(_BAGS) if rng.random() < 0.3 else None,
        handbag=pick(_BAGS) if rng.random() < 0.25 else None,
    )


@dataclass(frozen=True)
class Placing:
    """Where a body stands: (x, y) on the ground, heading in radians from +x, height of the ground, and a lift."""

    x: float
    y: float
    heading: float
    z: float = 0.0

    def world(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) points of the body's own frame in the world."""
        c, s = np.cos(self.heading), np.sin(self.heading)
        turned = points @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        return np.add(turned, (self.x, self.y, self.z))


def skeleton(look: Look, pose: Pose) -> dict[str, np.ndarray]:
    """Joints in the body's own frame, the lower foot on the ground: name -> (3,), sided ones with ``_l`` and ``_r``."""
    h = look.height
    joints = {"pelvis": np.zeros(3)}
    up = np.array([np.sin(pose.lean), 0.0, np.cos(pose.lean)])
    joints["neck"] = up * 0.295 * h
    joints["head"] = joints["neck"] + np.array([np.sin(pose.lean * 0.6) + 0.12, 0, np.cos(pose.lean)]) * 0.105 * h
    for side, sign, index in (("l", 1.0, 0), ("r", -1.0, 1)):
        hip = np.array([0.0, sign * 0.052 * h, 0.0])
        shin = pose.thigh[index] - pose.knee[index]
        joints[f"hip_{side}"] = hip
        joints[f"knee_{side}"] = hip + _limb(pose.thigh[index]) * 0.245 * h
        joints[f"ankle_{side}"] = joints[f"knee_{side}"] + _limb(shin) * 0.235 * h
        foot = min(max(shin, -0.9), 0.35) * 0.8
        joints[f"toe_{side}"] = joints[f"ankle_{side}"] + np.array([np.cos(foot), 0, np.sin(foot) - 0.25]) * 0.09 * h
        across = np.array([-sign * np.sin(pose.twist), np.cos(pose.twist) * sign, 0.0])
        shoulder = joints["neck"] - up * 0.03 * h + across * 0.108 * h * look.build
        out = np.array([0.0, sign * np.sin(pose.spread[index]), 0.0])
        level = np.cos(pose.spread[index])
        joints[f"shoulder_{side}"] = shoulder
        joints[f"elbow_{side}"] = shoulder + (_limb(pose.arm[index]) * level + out) * 0.175 * h
        fore = _limb(pose.arm[index] + pose.elbow[index]) * level + out * 0.3
        joints[f"hand_{side}"] = joints[f"elbow_{side}"] + fore * 0.155 * h
    lowest = min(min(joints[f"toe_{side}"][2], joints[f"ankle_{side}"][2] - 0.03 * h) for side in "lr")
    raised = np.array([0.0, 0.0, pose.lift - lowest + 0.018 * h])
    joints = {name: joint + raised for name, joint in joints.items()}
    if pose.tip:
        c, s = np.cos(pose.tip), np.sin(pose.tip)
        turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
        joints = {name: joint @ turn + (0, 0, 0.1 * abs(s)) for name, joint in joints.items()}
    return joints


def _limb(angle: float) -> np.ndarray:
    return np.array([np.sin(angle), 0.0, -np.cos(angle)])


def body(look: Look, joints: dict[str, np.ndarray], placing: Placing) -> list[Shape]:
    """The clothed body on its joints, in the world."""
    dress = _dress(look)
    own = dress.weights @ np.stack(list(joints.values())) + dress.offsets
    forward, up = _head_axes(joints)
    own += dress.ahead[:, None] * forward + dress.above[:, None] * up
    points = placing.world(own)
    ends = dress.ends
    return [
        Shape(points[a:b], dress.radii[a:b], color, bias)
        for a, b, color, bias in zip(ends[:-1], ends[1:], dress.colors, dress.biases, strict=True)
    ]


def _head_axes(joints: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    up = joints["head"] - joints["neck"]
    up = up / np.sqrt(up @ up)
    return np.array([up[2], 0.0, -up[0]]), up


@dataclass(frozen=True)
class _Dress:
    """A look as balls hung on the skeleton, so that a pose costs one matrix product.

    A ball is at weights @ joints + offset + ahead * (where the face looks) + above * (up along the head), in the
    body's own frame; ``ends`` says which balls make up a shape.
    """

    weights: np.ndarray  # (N, J)
    offsets: np.ndarray  # (N, 3)
    ahead: np.ndarray  # (N,)
    above: np.ndarray  # (N,)
    radii: np.ndarray  # (N,)
    ends: list[int]
    colors: list[Color]
    biases: list[float]


Ball = tuple[dict[str, float], tuple[float, float, float], float, float, float]  # weights, offset, ahead, above, radius


@lru_cache(maxsize=4096)
def _dress(look: Look) -> _Dress:
    shapes = _limbs(look) + _trunk(look) + _head(look) + _luggage(look)
    balls = [ball for shape, _, _ in shapes for ball in shape]
    names = list(skeleton(look, STAND))
    return _Dress(
        weights=np.array([[ball[0].get(name, 0.0) for name in names] for ball in balls]),
        offsets=np.array([ball[1] for ball in balls]),
        ahead=np.array([ball[2] for ball in balls]),
        above=np.array([ball[3] for ball in balls]),
        radii=np.array([ball[4] for ball in balls]) * (look.height / 1.7),
        ends=np.cumsum([0] + [len(shape) for shape, _, _ in shapes]).tolist(),
        colors=[color for _, color, _ in shapes],
        biases=[bias for _, _, bias in shapes],
    )


def _ball(
    joint: str | dict[str, float],
    radius: float,
    offset: tuple = (0.0, 0.0, 0.0),
    ahead: float = 0.0,
    above: float = 0.0,
) -> Ball:
    return ({joint: 1.0} if isinstance(joint, str) else joint, offset, ahead, above, radius)


def _limbs(look: Look) -> list[tuple[list[Ball], Color, float]]:
    shapes: list[tuple[list[Ball], Color, float]] = []
    for side, shade in (("l", 1.0), ("r", 0.88)):
        cloth, skin, top = (shaded(color, shade) for color in (look.legs, look.skin, look.top))
        knee, ankle, elbow, hand = (f"{name}_{side}" for name in ("knee", "ankle", "elbow", "hand"))
        shapes += [
            ([_ball(f"hip_{side}", 0.088 * look.build), _ball(knee, 0.062)], cloth, 0.0),
            ([_ball(knee, 0.058), _ball(ankle, 0.042)], cloth if look.bottom == "trousers" else skin, 0.0),
            ([_ball(ankle, 0.048, (0.0, 0.0, -0.02)), _ball(f"toe_{side}", 0.036)], look.shoes, 0.0),
            ([_ball(f"shoulder_{side}", 0.056), _ball(elbow, 0.046)], shaded(top, 0.94), 0.0),
            ([_ball(elbow, 0.043), _ball(hand, 0.034)], top if look.sleeves == "long" else skin, 0.0),
            ([_ball(hand, 0.043)], skin, 0.0),
        ]
    return shapes


def _trunk(look: Look) -> list[tuple[list[Ball], Color, float]]:
    waist = 0.088 * look.build
    hips = [_ball(f"hip_{side}", waist) for side in "lr"]
    shapes = [([_ball(f"shoulder_{side}", 0.062) for side in "lr"] + hips, look.top, 0.0)]
    if look.bottom == "skirt":
        hem = [_ball({f"hip_{side}": 0.35, f"knee_{side}": 0.65}, 0.11) for side in "lr"]
        shapes.append((hips + hem, look.legs, 0.06))
    return shapes


def _head(look: Look) -> list[tuple[list[Ball], Color, float]]:
    hang = 0.26 if look.long_hair else 0.02
    hair = [_ball("head", 0.1, ahead=-0.03, above=0.045), _ball("head", 0.094, ahead=-0.06)]
    hair.append(_ball("head", 0.08, ahead=-0.06, above=-hang))
    return [
        ([_ball("neck", 0.046), _ball("head", 0.046)], look.skin, 0.0),
        ([_ball("head", 0.088, above=-0.03), _ball("head", 0.088, above=0.03)], look.skin, 0.0),
        (hair, look.hair, 0.0),
    ]


def _luggage(look: Look) -> list[tuple[list[Ball], Color, float]]:
    shapes = []
    if look.backpack:
        spine = [(t, y) for t in (0.35, 0.9) for y in (-0.09, 0.09)]
        corners = [_ball({"pelvis": 1 - t, "neck": t}, 0.085, (-0.15, y, 0.0)) for t, y in spine]
        shapes.append((corners, look.backpack, 0.0))
    if look.handbag:
        corners = [_ball("hip_l", 0.045, (x, 0.14, 0.02 + z)) for x in (-0.1, 0.1) for z in (-0.12, 0.08)]
        shapes.append((corners, look.handbag, 0.0))
    return shapes
