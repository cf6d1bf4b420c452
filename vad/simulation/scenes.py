"""The places of campus-sim: plaza, tree-lined path, building front, road-side walkway.

Each layout says how the camera hangs, how the light falls, what the ground and the walls are made of, what stands
there, and where people walk, sit and never go. Distances are metres in the camera's world (see vad.simulation.camera).
"""

import numpy as np

from vad.simulation import furniture
from vad.simulation.camera import Light
from vad.simulation.layout import Layout, Wall
from vad.simulation.textures import Textures


def _mix(where: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    return np.where(where[..., None], inside, outside)


def plaza(rng: np.random.Generator) -> Layout:
    """A paved plaza seen from above in strong sun, a lawn on its left edge, a striped walk at the right."""
    tex = Textures(rng)

    def lawn(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x < -4.6 - 0.06 * (y - 12)) & (y > 12.4)

    def kerb(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x < -4.35 - 0.06 * (y - 12)) & (y > 12.15)

    def ground(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        a, b = x * 0.985 + y * 0.17, -x * 0.17 + y * 0.985
        slabs = tex.paving(a, b, (168, 172, 176), (1.2, 0.6), 0.018, 0.10)
        stripe = np.mod(b, 7.2) < 0.42
        slabs = _mix(stripe, slabs * 0.62, slabs)
        right = x - 0.42 * y > 0.2
        bands = _mix(np.mod(np.floor(b / 0.9), 2) == 0, np.float32(1.0) * slabs, slabs * (0.72, 0.86, 0.97))
        out = _mix(right, bands, slabs)
        out = _mix(np.abs(x - 0.42 * y - 0.2) < 0.16, slabs * 0.5, out)
        hole = np.hypot(x - 1.3, y - 11.5)
        out = _mix(hole < 0.42, tex.asphalt(x, y, 128), out)
        out = _mix(np.abs(hole - 0.42) < 0.035, slabs * 0.5, out)
        out = _mix(kerb(x, y), tex.concrete(x, y, (140, 146, 150), 1.0), out)
        return _mix(lawn(x, y), tex.grass(x, y), out)

    props = [furniture.tree(rng, -6.6, 16.5, 2.2, 1.5), furniture.tree(rng, -8.2, 24.0, 2.4, 1.7)]
    props += [furniture.tree(rng, -9.0, 31.0, 2.4, 1.9), furniture.lamp(-4.0, 21.0), furniture.bin_(-4.0, 13.6)]
    props += furniture.bollards([(7.4 + 0.95 * k, 17.0 + 0.35 * k) for k in range(5)])
    props += furniture.planter(rng, 6.4, 24.0, (3.6, 1.5, 0.5), 0.2)
    props += furniture.planter(rng, 11.5, 25.2, (3.6, 1.5, 0.5), 0.2)
    props += [furniture.shrub(rng, -9.5 + 0.8 * k, 34.0 + rng.uniform(-0.5, 0.5), 0.9) for k in range(5)]
    return Layout(
        name="plaza",
        altitude=6.4,
        pitch=np.radians(27),
        focal=0.98,
        yaw=0.0,
        light=Light((-0.55, 0.25, 0.8), 0.46, 0.06, (0.98, 1.0, 1.03)),
        ground=ground,
        walls=[Wall((-40, 40), (40, 40), 4.0, tex.foliage)],
        props=props,
        routes=[
            [(-16, 9.6), (0, 10.2), (16, 11.5)],
            [(3.6, 2), (1.5, 12), (-1.5, 24), (-2.5, 42)],
            [(18, 14.5), (5, 14), (-1.5, 19), (-3.0, 42)],
            [(-14, 7.5), (-1, 12.5), (4, 20), (2, 42)],
        ],
        lane=1.0,
        drives=[[(-16, 9.8), (0, 11.0), (18, 12.8)], [(2.5, 2), (1.0, 14), (-0.5, 42)]],
        trespass=[
            [(-3.2, 11.0), (-5.6, 14.2), (-7.0, 20), (-7.2, 38)],
            [(-18, 19), (-7.2, 18.6), (-5.8, 22), (-6.4, 38)],
        ],
        walkable=lambda x, y: ~lawn(x, y),
        spots=[(2.6, 16.0), (-2.2, 14.5), (4.2, 12.6), (-0.5, 19.0)],
        crowd=7.0,
        within=lambda x, y: y < 39,
    )


def avenue(rng: np.random.Generator) -> Layout:
    """A red brick path between trees and lawns, benches at its edge, seen low and along it, in dappled light."""
    tex = Textures(rng)

    def centre(y: np.ndarray | float) -> np.ndarray | float:
        return -1.1 + 0.11 * (y - 7)

    def on_path(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (np.abs(x - centre(y)) < 2.1) | ((y > 19.0) & (y < 22.2))

    def ground(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        bricks = tex.paving(x * 0.707 + y * 0.707, y * 0.707 - x * 0.707, (96, 108, 158), (0.42, 0.2), 0.012, 0.35)
        cross = tex.paving(x, y, (150, 158, 164), (0.8, 0.8), 0.014, 0.14)
        out = _mix((y > 19.0) & (y < 22.2), cross, bricks)
        edge = (np.abs(np.abs(x - centre(y)) - 2.1) < 0.1) & ~((y > 19.0) & (y < 22.2))
        out = _mix(on_path(x, y), out, tex.grass(x, y))
        return _mix(edge, np.array([150, 154, 156], np.float32) * np.ones_like(out), out)

    props = []
    for k, y in enumerate((12.5, 17.2, 24.0, 29.5, 35.5)):
        middle = float(centre(np.float64(y)))
        props.append(furniture.tree(rng, middle - 3.4, y + 0.4, 2.7, 1.7))
        props.append(furniture.tree(rng, middle + 3.5, y + 1.6 + 0.3 * k, 2.7, 1.7))
    props += [furniture.bench(2.15, 14.6, np.pi), furniture.bench(-3.0, 15.4, 0.0), furniture.bin_(2.1, 16.6)]
    props += furniture.hedge(rng, (-22, 38), (-3.2, 38), 1.2) + furniture.hedge(rng, (7.0, 38), (24, 38), 1.2)
    props += [furniture.shrub(rng, x, y, r) for x, y, r in ((-7.5, 26, 0.9), (8.5, 27, 1.0), (10.5, 15.5, 0.8))]
    return Layout(
        name="avenue",
        altitude=4.3,
        pitch=np.radians(15.5),
        focal=1.02,
        yaw=0.06,
        light=Light((0.5, 0.45, 0.9), 0.5, 0.09, (0.93, 1.0, 1.02)),
        ground=ground,
        walls=[Wall((-60, 52), (60, 52), 7.0, tex.foliage)],
        props=props,
        routes=[
            [(-2.2, 2), (float(centre(np.float64(12))), 12), (1.5, 30), (4.0, 55)],
            [(-0.6, 2), (float(centre(np.float64(14))), 14), (1.4, 30), (4.0, 55)],
            [(-26, 20.6), (0, 20.5), (26, 20.7)],
            [(-1.6, 2), (-0.6, 12), (0.6, 18), (6, 20.8), (26, 20.4)],
        ],
        lane=0.9,
        drives=[[(-1.5, 2), (-0.5, 12), (1.5, 30), (4.0, 55)], [(-26, 20.6), (0, 20.6), (26, 20.6)]],
        trespass=[[(14, 10.0), (7.0, 12.2), (4.0, 14.5), (3.6, 18.4), (1.0, 20.5), (-20, 20.5)],
                  [(-1.2, 3), (-2.2, 9.5), (-5.2, 12.5), (-6.5, 17), (-16, 18)]],
        walkable=on_path,
        spots=[(-0.2, 18.0), (1.4, 17.4), (-4.0, 20.6), (5.0, 20.6)],
        crowd=5.5,
        within=lambda x, y: y < 47,
        seats=[(2.05, 14.3, np.pi), (2.05, 15.0, np.pi), (-2.9, 15.2, 0.0)],
    )  # fmt: skip


def forecourt(rng: np.random.Generator) -> Layout:
    """The front of a lecture hall under an overcast sky: concrete, steps to a door, planters, a bed of shrubs."""
    tex = Textures(rng)
    slope = 0.22

    def gap(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (21.0 + slope * x - y) / np.hypot(1, slope)

    def steps(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (np.abs(x + 0.5) < 4.6) & (gap(x, y) < 2.4) & (gap(x, y) > 0)

    def bed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return ((x < -2.6 - 0.25 * (y - 7)) & (y < 11.2)) | ((x > 4.6) & (gap(x, y) < 3.2) & (gap(x, y) > 0))

    def rim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return ((x < -2.4 - 0.25 * (y - 7)) & (y < 11.4)) | ((x > 4.4) & (gap(x, y) < 3.4))

    def ground(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        out = tex.concrete(x * 0.98 - y * 0.2, y * 0.98 + x * 0.2, (150, 152, 150), 2.4)
        strip = np.abs(gap(x, y) - 5.2) < 0.3
        out = _mix(strip, tex.paving(x, y, (70, 150, 176), (0.3, 0.3), 0.02, 0.1), out)
        tread = np.mod(gap(x, y), 0.48)
        stair = tex.concrete(x, y, (166, 170, 172), 50.0) * np.where(tread < 0.2, 0.62, 1.04)[..., None]
        out = _mix(steps(x, y), stair, out)
        out = _mix(rim(x, y), tex.concrete(x, y, (168, 172, 174), 0.8), out)
        return _mix(bed(x, y), tex.soil(x, y), out)

    def front(along: np.ndarray, z: np.ndarray) -> np.ndarray:
        out = tex.facade(along, z, (150, 176, 196), (96, 84, 70))
        door = (np.abs(along - 29.6) < 2.0) & (z < 3.0)
        glass = np.array([88, 78, 66], np.float32) * (0.7 + 0.5 * tex.noise(along, z, 1.3))[..., None]
        bars = (np.mod(along - 29.6, 1.0) < 0.09) | (z > 2.88) | (np.abs(z - 2.2) < 0.05)
        out = _mix(door, _mix(bars, np.float32(70) * np.ones_like(glass), glass), out)
        return _mix((np.abs(along - 29.6) < 2.9) & (z > 3.0) & (z < 3.3), np.float32(190) * np.ones_like(out), out)

    props = [s for x in (-6.4, 3.0) for s in furniture.planter(rng, x, 18.4 + slope * x, (1.6, 0.9, 0.55), 0.215)]
    props += [furniture.shrub(rng, x, y, 0.5) for x, y in ((-4.9, 9.9), (-6.3, 10.2), (-5.6, 8.4), (-7.4, 10.3))]
    props += [furniture.shrub(rng, 5.6 + 1.3 * k, 20.7 + 0.29 * k, 0.6) for k in range(7)]
    props += [*furniture.bollards([(4.2, 9.0), (4.3, 10.6), (4.4, 12.2)]), furniture.lamp(6.9, 15.0, 4.2)]
    props += [furniture.tree(rng, 8.6, 17.2, 1.9, 1.4)]
    return Layout(
        name="forecourt",
        altitude=7.6,
        pitch=np.radians(30),
        focal=0.96,
        yaw=-0.04,
        light=Light((0.12, -0.1, 1.0), 0.24, 0.28, (1.06, 1.0, 0.95)),
        ground=ground,
        walls=[Wall((-30, 21 - 30 * slope), (40, 21 + 40 * slope), 9.0, front)],
        props=props,
        routes=[
            [(-18, 12.8), (-2, 14.2), (18, 18.0)],
            [(1.2, 2), (0.5, 11), (-0.3, 17.4), (-0.5, 18.4)],
            [(2.2, 2), (1.5, 9), (6, 13.2), (20, 16.6)],
            [(-20, 12.6), (-5, 13.4), (0.5, 9), (2.0, 2)],
        ],
        lane=0.9,
        drives=[[(-18, 13.0), (-2, 14.4), (18, 18.0)], [(1.5, 2), (1.0, 9), (6, 13.6), (20, 16.8)]],
        trespass=[[(-16, 9.6), (-6.0, 9.2), (-3.6, 9.0), (0.5, 8.6), (3.0, 2)],
                  [(20, 23.0), (11, 21.2), (6.5, 19.6), (4.5, 17.8), (-12, 13.4)]],
        walkable=lambda x, y: ~bed(x, y),
        spots=[(-2.6, 16.4), (2.0, 15.8), (0.2, 12.0), (5.4, 11.0)],
        crowd=6.5,
        within=lambda x, y: gap(x, y) > 0.3,
    )  # fmt: skip


def roadside(rng: np.random.Generator) -> Layout:
    """A walkway along a road in low evening sun: coloured pavers, a steel railing, a brick wall beyond the road."""
    tex = Textures(rng)

    def road(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (y > 14.3) & (y < 20.4)

    def verge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (y > 12.7) & (y < 14.0)

    def ground(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        pavers = tex.paving(x, y, (126, 140, 158), (0.4, 0.4), 0.014, 0.2)
        guide = np.abs(y - 9.4) < 0.2
        pavers = _mix(guide, tex.paving(x, y, (62, 150, 190), (0.4, 0.4), 0.02, 0.1), pavers)
        far = tex.paving(x, y, (134, 142, 150), (0.6, 0.6), 0.016, 0.16)
        out = _mix(y > 20.4, far, pavers)
        tar = tex.asphalt(x, y, 96)
        dashes = (np.abs(y - 17.3) < 0.08) & (np.mod(x, 3.6) < 1.9)
        lines = dashes | (np.abs(y - 14.75) < 0.06) | (np.abs(y - 19.95) < 0.06)
        tar = _mix(
            lines & (tex.noise(x, y, 0.3) > 0.22), np.array([196, 202, 204], np.float32) * np.ones_like(tar), tar
        )
        out = _mix(road(x, y), tar, out)
        out = _mix(verge(x, y), tex.grass(x, y), out)
        kerb = (np.abs(y - 14.15) < 0.15) | (np.abs(y - 20.45) < 0.15)
        return _mix(kerb, tex.concrete(x, y, (150, 156, 160), 1.0), out)

    props = furniture.railing((-24, 12.55), (24, 12.55))
    props += [furniture.tree(rng, x, 25.6 + rng.uniform(-0.3, 0.3), 2.4, 1.9) for x in (-15, -9.5, -3, 3.8, 10, 17, 23)]
    props += [furniture.lamp(-7.2, 21.1, 5.2), furniture.lamp(9.0, 21.1, 5.2)]
    props += [
        furniture.tree(rng, 4.9, 13.35, 2.0, 1.2),
        furniture.bin_(-3.6, 12.0),
        furniture.bench(-6.2, 11.8, -np.pi / 2),
    ]
    return Layout(
        name="roadside",
        altitude=5.2,
        pitch=np.radians(20.5),
        focal=1.0,
        yaw=0.24,
        light=Light((-0.85, 0.35, 0.62), 0.42, 0.05, (0.84, 0.97, 1.12)),
        ground=ground,
        walls=[Wall((-60, 24.2), (70, 24.2), 1.9, tex.bricks), Wall((-80, 42), (80, 42), 9.0, tex.foliage)],
        props=props,
        routes=[
            [(-22, 10.4), (0, 10.6), (24, 10.4)],
            [(-22, 8.2), (0, 8.6), (24, 8.4)],
            [(-26, 22.4), (0, 22.3), (36, 22.4)],
            [(0.5, 1), (2.2, 7.0), (6, 10.2), (24, 10.9)],
        ],
        lane=0.7,
        drives=[[(-22, 9.4), (0, 9.8), (24, 9.6)], [(-22, 10.2), (0, 9.6), (24, 9.4)]],
        trespass=[[(-20, 16.4), (0, 15.6), (26, 16.2)], [(-9, 23), (-4, 20.6), (0.5, 17.0), (5, 15.5), (24, 15.2)]],
        walkable=lambda x, y: ~(road(x, y) | verge(x, y)),
        spots=[(3.0, 11.7), (-1.0, 11.8), (1.6, 22.8), (8.5, 9.0)],
        crowd=6.5,
        within=lambda x, y: y < 24,
        seats=[(-6.5, 11.7, -np.pi / 2), (-5.8, 11.7, -np.pi / 2)],
    )  # fmt: skip


LAYOUTS = (plaza, avenue, forecourt, roadside)
