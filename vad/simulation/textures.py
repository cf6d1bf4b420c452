"""Procedural surfaces of campus-sim: albedo as a function of position on the ground or on a wall, in metres."""

import cv2
import numpy as np


class Textures:
    """Surfaces drawn from one random generator; the same generator gives the same stones.

    Every surface takes coordinate arrays of one shape (H, W), in metres, and gives (H, W, 3) float32 BGR, 0 to 255.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._table = rng.random(4096, dtype=np.float32)
        tile = rng.random((256, 256), dtype=np.float32)
        smooth = cv2.GaussianBlur(np.tile(tile, (3, 3)), (0, 0), 2.0)[256:512, 256:512]
        low, high = np.percentile(smooth, [1, 99])
        self._tile = np.clip((smooth - low) / (high - low), 0, 1)

    def noise(self, x: np.ndarray, y: np.ndarray, grain: float) -> np.ndarray:
        """Smooth noise in 0..1 whose blobs are about ``grain`` metres wide."""
        scale = np.float32(5.0 / grain)
        return cv2.remap(
            self._tile,
            np.asarray(x, np.float32) * scale % np.float32(256),
            np.asarray(y, np.float32) * scale % np.float32(256),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )

    def cells(self, ix: np.ndarray, iy: np.ndarray) -> np.ndarray:
        """One random number in 0..1 per cell of an integer grid."""
        return self._table[(ix.astype(np.int64) * 7919 + iy.astype(np.int64) * 1299709) & 4095]

    def paving(
        self, x: np.ndarray, y: np.ndarray, color: object, size: tuple[float, float], joint: float, vary: float
    ) -> np.ndarray:
        """Slabs of ``size`` metres in running bond with joints of ``joint`` metres; ``vary``: spread in tone."""
        row = np.floor(y / size[1])
        shifted = x + (np.mod(row, 2) * 0.5 + self.cells(row, row * 0) * 0.2) * size[0]
        column = np.floor(shifted / size[0])
        u, v = shifted - column * size[0], y - row * size[1]
        edge = np.minimum(np.minimum(u, size[0] - u), np.minimum(v, size[1] - v))
        tone = 1 + vary * (self.cells(column, row) - 0.5) + 0.14 * (self.noise(x, y, 2.5) - 0.5)
        tone += 0.08 * (self.noise(x, y, 0.12) - 0.5)
        worn = 0.72 + 0.22 * self.noise(x + 7, y, 1.7)
        tone = np.where(edge < joint, tone * worn, tone)
        return np.asarray(color, np.float32) * tone[..., None]

    def grass(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Mown lawn with worn patches."""
        tone = 0.55 + 0.3 * self.noise(x, y, 0.10) + 0.25 * self.noise(x, y, 0.6) + 0.2 * self.noise(x, y, 4.0)
        dry = np.clip(self.noise(x + 31, y - 17, 3.0) * 1.6 - 0.9, 0, 1)[..., None]
        green = np.array([48, 112, 84], np.float32) * (1 - dry) + np.array([78, 130, 132], np.float32) * dry
        return green * tone[..., None]

    def asphalt(self, x: np.ndarray, y: np.ndarray, tone: float = 92) -> np.ndarray:
        """Asphalt with stains and repaired patches."""
        light = 0.86 + 0.2 * self.noise(x, y, 0.06) + 0.12 * self.noise(x, y, 1.2) + 0.12 * self.noise(x, y, 6.0)
        crack = np.abs(self.noise(x, y, 5.0) - 0.5) < 0.008
        light = np.where(crack, light * 0.75, light)
        return np.array([tone, tone * 0.985, tone * 0.97], np.float32) * light[..., None]

    def concrete(self, x: np.ndarray, y: np.ndarray, color: object, field: float) -> np.ndarray:
        """Cast concrete in square fields of ``field`` metres with water stains."""
        u, v = np.mod(x, field), np.mod(y, field)
        joint = (np.minimum(u, v) < 0.025).astype(np.float32)
        tone = 0.84 + 0.16 * self.noise(x, y, 3.5) + 0.12 * self.noise(x, y, 0.7) + 0.08 * self.noise(x, y, 0.1)
        tone += 0.07 * (self.cells(np.floor(x / field), np.floor(y / field)) - 0.5)
        return np.asarray(color, np.float32) * (tone * (1 - 0.35 * joint))[..., None]

    def soil(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Planting bed: dark earth under low shrubs."""
        tone = 0.5 + 0.6 * self.noise(x, y, 0.25)
        leaf = np.clip(self.noise(x, y, 0.45) * 3.2 - 1.2, 0, 1)[..., None]
        earth = np.array([46, 62, 84], np.float32) * (1 - leaf) + np.array([44, 92, 62], np.float32) * leaf
        return earth * tone[..., None]

    def facade(self, along: np.ndarray, z: np.ndarray, color: object, glass: object) -> np.ndarray:
        """Plastered wall with a row of windows per floor of 3.4 m and a stone base of 0.6 m."""
        tone = 0.93 + 0.08 * self.noise(along, z, 1.6) + 0.05 * self.noise(along, z, 0.15)
        wall = np.asarray(color, np.float32) * tone[..., None]
        base = np.array([104, 110, 116], np.float32) * (0.9 + 0.2 * self.noise(along, z, 0.5))[..., None]
        out = np.where((z < 0.6)[..., None], base, wall)
        u, v = np.mod(along, 2.6), np.mod(z, 3.4)
        frame = (u > 0.4) & (u < 2.2) & (v > 0.95) & (v < 2.75)
        pane = (np.abs(u - 1.3) > 0.04) & (u > 0.48) & (u < 2.12) & (v > 1.03) & (v < 2.67)
        shine = 0.65 + 0.5 * self.noise(along * 0.6 + z, z, 2.2) + 0.25 * self.cells(np.floor(along / 2.6), z * 0)
        out = np.where(frame[..., None], np.float32(225), out)
        return np.where(pane[..., None], np.asarray(glass, np.float32) * shine[..., None], out)

    def bricks(self, along: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Brick wall with a coping stone at 1.7 m and above."""
        wall = self.paving(along, z, (72, 88, 138), (0.36, 0.14), 0.014, 0.3)
        return np.where((z > 1.72)[..., None], np.array([168, 176, 182], np.float32), wall)

    def foliage(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Dense bushes and far trees seen as a wall of leaves."""
        tone = 0.25 + 0.5 * self.noise(x, y, 0.5) + 0.5 * self.noise(x, y, 2.2) + 0.25 * self.noise(x, y, 0.15)
        return np.array([46, 98, 68], np.float32) * tone[..., None]
