"""Objects and tracks of clips, as works of ``vad.pipeline.executor``."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from vad.data.frames import Clip
from vad.perception import detection, tracking
from vad.perception.scene import Scene
from vad.pipeline import artifacts
from vad.pipeline.clip_cache import content


@dataclass(frozen=True)
class Finding:
    """The objects of a clip, into the folder ``objects``: ``<clip>.parquet``, see ``vad.perception.detection``.

    Attributes:
        scenes: what is known of each; a scene that was never seen in training is learnt from the clip itself.
    """

    scenes: Mapping[str, Scene]
    settings: detection.Params
    code: ClassVar[tuple[str, ...]] = ()

    def key(self, clip: Clip) -> str | None:
        """The clip, its scene and the parameters; None where downloaded weights are computed with."""
        if self.settings.detector != "foreground":
            return None
        sha, known = hashlib.sha256(), self.scenes.get(clip.scene)
        for name, array in ({} if known is None else known.arrays()).items():
            sha.update(f"{name} {array.dtype} {array.shape}\0".encode() + array.tobytes())
        return repr((clip.digest(), sha.hexdigest(), self.settings))

    def __call__(self, clip: Clip, folder: Path) -> None:
        """Write them."""
        scene = self.scenes.get(clip.scene) or Scene.learn([clip], self.settings.height)
        table = detection.detect(clip, scene, self.settings)
        artifacts.write_table(folder / "objects" / f"{clip.name}.parquet", table)


@dataclass(frozen=True)
class Linking:
    """The tracks of a clip that came with its own, or whose objects are in the folder ``objects``.

    The value is the tracks, ``tracking.COLUMNS``, and whether any were linked; None where there is nothing to link.
    """

    objects: Path
    settings: tracking.Params
    code: ClassVar[tuple[str, ...]] = ()

    def key(self, clip: Clip) -> str:
        """The clip's own tracks, its objects and the parameters."""
        return repr((clip.digest(pixels=False), content(self.objects / f"{clip.name}.parquet"), self.settings))

    def __call__(self, clip: Clip, folder: Path) -> tuple[pd.DataFrame, bool] | None:
        """Nothing is written."""
        if clip.tracks is not None:
            own = tracking.identified(clip.tracks, clip.fps, self.settings)
            return own, own is not clip.tracks
        objects = self.objects / f"{clip.name}.parquet"
        if not objects.exists():
            return None
        return tracking.link(artifacts.load_table(objects), clip.fps, self.settings), True
