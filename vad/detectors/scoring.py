"""A fitted model at work on the clips of a plan: every detector's scores, clip by clip, wherever clips are done."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vad.data.frames import Clip
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.pipeline.executor import map_clips
from vad.pipeline.results import LIVE
from vad.protocol.fitting import Clips, Plan


@dataclass
class Scoring:
    """One fit of a model at work on clips, by their names, as a work of ``vad.pipeline.executor``.

    The value is by column the (N,) float64 scores of a clip's frames: ``score`` and, where a detector has such, those
    that look no further ahead than a camera's, ``vad.pipeline.results.LIVE``; into the folder ``maps`` goes
    ``<clip>.npz``, where there are maps: frames (N,) and maps (N, h, w) float16.
    """

    model: Any  # a vad.detectors.fitted.Fitted
    fold: str
    plan: Plan
    rows: pd.DataFrame
    maps: bool

    @property
    def code(self) -> tuple[str, ...]:
        """The detector's module, which is found by its name."""
        return (f"vad.detectors.{self.model.name}",)

    def __getstate__(self) -> dict:
        """Whoever gets a copy makes the detector and the clips himself."""
        return {name: self.__dict__[name] for name in ("model", "fold", "plan", "rows", "maps")}

    @cached_property
    def clips(self) -> Clips:
        """The clips with the frames that are scored, and with what the detector reads when they are asked for."""
        return self.plan.clips(self.rows)

    @cached_property
    def _at(self) -> dict[str, int]:
        return {clip.name: number for number, clip in enumerate(self.clips.bare)}

    @cached_property
    def _detector(self) -> Any:
        return self.model.detector(self.fold)

    @cached_property
    def _state(self) -> str:
        return self.model.digest(self.fold)

    def key(self, name: str) -> str:
        """The fit, and the clip: its pixels, its frames and what was found in it."""
        return repr((self._state, self.maps, self.clips[self._at[name]].digest(self.plan.declared.needs_pixels)))

    def __call__(self, name: str, folder: Path) -> dict[str, np.ndarray]:
        """The clip's scores.

        Raises:
            UserError: a frame has no finite score.
        """
        clip = self.clips[self._at[name]]
        scores, maps = self._detector.score(clip)
        columns = {"score": scores.astype(np.float64)}
        if hasattr(self._detector, "live"):
            columns[LIVE] = self._detector.live(clip).astype(np.float64)
        if any(len(own) != len(clip.frames) or not np.isfinite(own).all() for own in columns.values()):
            raise UserError(f"{self.model.name}: clip {name} has no finite score for each of its frames")
        if maps is not None and self.maps:
            arrays = {"frames": clip.frames, "maps": maps.astype(np.float16)}
            artifacts.write_arrays(folder / "maps" / f"{name}.npz", arrays)
        return columns


def score_clips(
    model: Any, fold: str, plan: Plan, rows: pd.DataFrame, maps: Path | None = None
) -> list[tuple[Clip, dict[str, np.ndarray]]]:
    """(clip, its (N,) scores by column) for every clip that ``rows`` name; their maps go into the folder ``maps``.

    The clips come without what the detector read of them.

    Raises:
        UserError: a frame has no finite score.
    """
    work = Scoring(model, fold, plan, rows, maps is not None)
    into = {} if maps is None else {"maps": maps}
    scores = map_clips(work, [clip.name for clip in work.clips.bare], into, desc=f"score {model.name}")
    return list(zip(work.clips.bare, scores, strict=True))
