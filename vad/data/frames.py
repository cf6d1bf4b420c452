"""The frame store: one zip of JPEG frames per clip, its index, and a clip as a detector sees it.

``data/frames/<clip>.zip`` holds ``000000.jpg``, ... named by 0-based frame number, stored without a second
compression, so any frame is one seek and one JPEG decode away. ``data/frames.parquet`` is the index: clip, frame,
scene, split, label.
"""

import hashlib
import threading
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from vad.pipeline import artifacts, clip_cache
from vad.pipeline.errors import Damaged, Missing, UserError

DATA = Path("data")


class ClipWriter:
    """Writes one clip's container, frame by frame.

    Args:
        path: the ``.zip`` to create.
        quality: JPEG quality, 1 to 100, for frames given as pixels.
    """

    def __init__(self, path: Path, quality: int) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._quality = quality

    def add(self, frame: int, image: np.ndarray) -> None:
        """Add an (H, W, 3) BGR or (H, W) gray uint8 image as frame number ``frame``."""
        ok, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        if not ok:
            raise UserError(f"frame {frame} cannot be encoded as JPEG")
        self.add_jpeg(frame, jpeg.tobytes())

    def add_jpeg(self, frame: int, jpeg: bytes) -> None:
        """Add a frame that is JPEG already, as it is."""
        # ZipInfo's default date is 1980-01-01: the same frames give the same bytes.
        self._zip.writestr(zipfile.ZipInfo(f"{frame:06d}.jpg"), jpeg)

    def __enter__(self) -> "ClipWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()


@dataclass(frozen=True)
class Clip:
    """One clip, restricted to the frames that the reader may see.

    Attributes:
        name: unique in the data set; scene, split, fps as in the manifest. The split is "train", "test" or "weak", of
            whose clips all frames have one label, the clip's.
        frames: (N,) int64, ascending 0-based numbers of the frames to work on (the permitted or the wanted ones).
        labels: (N,) int8, 0 normal, 1 abnormal; only detectors that declare ``LABELLED`` may read them.
        stored: (M,) every frame number of the clip in the store; temporal detectors read around ``frames`` in it.
        path: the container; None for a data set of tracks alone.
        tracks: person boxes, columns frame, track, x1, y1, x2, y2 in stored pixels; None where there are none.
        objects: what moves, see ``vad.perception.detection``; None where nobody looked for objects.
        embeddings: (N, D) float32 unit rows aligned with ``frames``, for detectors that read them.
    """

    name: str
    scene: str
    split: str
    fps: float
    frames: np.ndarray
    labels: np.ndarray
    stored: np.ndarray
    path: Path | None = None
    tracks: pd.DataFrame | None = None
    objects: pd.DataFrame | None = None
    embeddings: np.ndarray | None = None
    size: tuple[int, int] = (0, 0)  # stored (width, height) in pixels
    _local: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    def __getstate__(self) -> dict:
        """A copy in another process opens the container itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_local"}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, _local=threading.local())

    def digest(self, pixels: bool = True) -> str:
        """SHA-256 of all that can be read of the clip but its labels; without ``pixels`` not of the container."""
        sha = hashlib.sha256(repr((self.name, self.scene, self.split, self.fps, self.size)).encode())
        for array in (self.frames, self.stored, self.embeddings):
            sha.update(b"\0none" if array is None else f"\0{array.dtype} {array.shape}\0".encode() + array.tobytes())
        for table in (self.tracks, self.objects):
            sha.update(b"\0none" if table is None else f"\0{table.dtypes.to_dict()}\0".encode() + _bytes(table))
        return sha.hexdigest() + (clip_cache.content(self.path) if pixels else "")

    def only(self, frames: Iterable[int]) -> "Clip":
        """The same clip restricted to ``frames``, each of which must be among ``self.frames``."""
        wanted = np.unique(np.fromiter(frames, dtype=np.int64))
        rows = np.searchsorted(self.frames, wanted)
        if len(wanted) and (rows.max() >= len(self.frames) or (self.frames[rows] != wanted).any()):
            raise ValueError(f"{self.name}: frames outside the clip's permitted ones were asked for")
        embeddings = None if self.embeddings is None else self.embeddings[rows]
        return replace(self, frames=wanted, labels=self.labels[rows], embeddings=embeddings, _local=threading.local())

    def read(self, frame: int) -> np.ndarray:
        """Frame number ``frame`` as (H, W, 3) uint8 RGB."""
        return cv2.cvtColor(self._decode(frame, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def read_gray(self, frame: int) -> np.ndarray:
        """Frame number ``frame`` as (H, W) uint8 gray, made of its colours as a live camera's is."""
        return cv2.cvtColor(self._decode(frame, cv2.IMREAD_COLOR), cv2.COLOR_BGR2GRAY)

    def batches(self, size: int, frames: Sequence[int] | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of ((B,) frame numbers, (B, H, W, 3) uint8 RGB) over ``frames`` (by default the clip's own)."""
        wanted = self.frames if frames is None else np.asarray(frames)
        for start in range(0, len(wanted), size):
            part = wanted[start : start + size]
            yield part, np.stack([self.read(frame) for frame in part])

    def _decode(self, frame: int, mode: int) -> np.ndarray:
        assert self.path is not None, f"{self.name} is known by its tracks alone"
        try:
            if not hasattr(self._local, "zip"):
                self._local.zip = zipfile.ZipFile(self.path)
            image = cv2.imdecode(np.frombuffer(self._local.zip.read(f"{frame:06d}.jpg"), dtype=np.uint8), mode)
        except FileNotFoundError as error:
            raise Missing(self.path) from error
        except (zipfile.BadZipFile, KeyError, EOFError, ValueError, NotImplementedError, cv2.error) as error:
            raise Damaged(self.path, f"frame {frame}: {error}") from error
        if image is None:
            raise Damaged(self.path, f"frame {frame} is no picture")
        return image


def _bytes(table: pd.DataFrame) -> bytes:
    columns = (np.ascontiguousarray(table[name]) for name in table)
    # An object's own bytes are its address.
    return b"".join(repr(own.tolist()).encode() if own.dtype.hasobject else own.tobytes() for own in columns)


class FrameStore:
    """Everything that ``extract_frames`` left in ``folder``: containers, index, manifest, tracks, masks."""

    def __init__(self, folder: Path | str = DATA) -> None:
        self.folder = Path(folder)

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per stored frame: clip, frame, scene, split, label."""
        return artifacts.load_table(self.folder / "frames.parquet")

    @cached_property
    def manifest(self) -> pd.DataFrame:
        """One row per clip: clip, scene, split, frames, fps, width, height, abnormal_frames, ..."""
        return artifacts.load_table(self.folder / "manifest.csv", dtype={"clip": str, "scene": str})

    @cached_property
    def tracks(self) -> pd.DataFrame:
        """Person boxes of all clips: clip, frame, track, x1, y1, x2, y2 in stored pixels; empty if none are known."""
        return artifacts.load_table(self.folder / "tracks.parquet")

    @cached_property
    def linked_tracks(self) -> pd.DataFrame:
        """:attr:`tracks`, and in clips that came without any the objects that ``link_tracks`` linked, if it ran."""
        path = self.folder / "linked_tracks.parquet"
        return artifacts.load_table(path) if path.exists() else self.tracks

    @cached_property
    def with_pixels(self) -> set[str]:
        """Names of the clips that have frames; the others are known by their tracks alone and have the path None."""
        return {path.stem for path in (self.folder / "frames").glob("*.zip")}

    @cached_property
    def has_pixels(self) -> bool:
        """Whether both splits have clips with frames; False for a data set of tracks and labels alone."""
        with_frames = self.manifest["clip"].isin(self.with_pixels)
        return set(self.manifest["split"][with_frames]) >= {"train", "test"}

    def masks(self, clip: str, at: slice | int = slice(None)) -> np.ndarray | None:
        """(M, h, w) bool pixel masks of the clip's stored frames, in stored pixels; None where the clip has none.

        Args:
            at: positions among the stored frames; for a single one, its (h, w) mask.
        """
        path = self.folder / "masks" / f"{clip}.npz"
        if not path.exists():
            return None
        packed = artifacts.load_arrays(path)
        height, width = (int(side) for side in packed["size"])
        rows = packed["bits"][at]
        return np.unpackbits(rows, axis=-1, count=height * width).reshape(*rows.shape[:-1], height, width).astype(bool)

    def clips(self, split: str | None = None) -> list[Clip]:
        """The clips in name order, every stored frame permitted, without their tracks."""
        rows = self.manifest if split is None else self.manifest[self.manifest["split"] == split]
        frames = dict(tuple(self.index.groupby("clip")))
        clips = []
        for row in rows.sort_values("clip").itertuples():
            own = frames[row.clip].sort_values("frame")
            numbers = own["frame"].to_numpy(np.int64)
            path = self.folder / "frames" / f"{row.clip}.zip"
            clips.append(
                Clip(
                    name=row.clip,
                    scene=row.scene,
                    split=row.split,
                    fps=float(row.fps),
                    frames=numbers,
                    labels=own["label"].to_numpy(np.int8),
                    stored=numbers,
                    path=path if path.exists() else None,
                    size=(int(row.stored_width), int(row.stored_height)),
                )
            )
        return clips

    def with_tracks(self, clips: Sequence[Clip], linked: bool = True) -> list[Clip]:
        """The same clips with their person tracks.

        Args:
            linked: where a clip came without tracks, those that ``link_tracks`` made of its objects.
        """
        table = self.linked_tracks if linked else self.tracks
        rows = self._linked_rows if linked else table.groupby("clip").indices
        own = {clip.name: table.iloc[rows[clip.name]].drop(columns="clip") for clip in clips if clip.name in rows}
        return [replace(clip, tracks=own.get(clip.name)) for clip in clips]

    @cached_property
    def _linked_rows(self) -> dict[str, np.ndarray]:
        return self.linked_tracks.groupby("clip").indices
