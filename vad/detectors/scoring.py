"""A fitted model at work on the clips of a plan: every detector's scores, clip by clip, wherever clips are done."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vad.data.frames import Clip
from vad.detectors import registry, streaming
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.pipeline.executor import map_clips
from vad.pipeline.results import LIVE
from vad.protocol.fitting import Clips, Plan

log = logging.getLogger(__name__)


class Scored(NamedTuple):
    """One clip's scores.

    Attributes:
        columns: name -> (N,) float64 of the clip's frames: ``score`` and, where a detector has such, those that look no
            further ahead than a camera's, ``vad.pipeline.results.LIVE``.
        seconds: that they took when they were computed; of a pass that several share, an equal part.
    """

    columns: dict[str, np.ndarray]
    seconds: float


@dataclass
class Scoring:
    """One fit of a model at work on clips, by their names, as a work of ``vad.pipeline.executor``.

    Into the folder ``maps`` goes ``<clip>.npz``, where there are maps: frames (N,) and maps (N, h, w) float16.

    Detectors that look at whole frames through one backbone are scored in one pass: whoever comes first does for the
    others what nobody did yet, which they find among the results that are kept of each clip. Alone, each would get the
    same bytes.
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

    def _clip(self, name: str) -> Clip:
        return self.clips[self._at[name]]

    @cached_property
    def _detector(self) -> Any:
        return self.model.detector(self.fold)

    @cached_property
    def _state(self) -> str:
        return self.model.digest(self.fold)

    def key(self, name: str) -> str:
        """The fit, and the clip: its pixels, its frames and what was found in it."""
        return repr((self._state, self.maps, self._clip(name).digest(self.plan.declared.needs_pixels)))

    def __call__(self, name: str, folder: Path) -> Scored:
        """The clip's scores.

        Raises:
            UserError: a frame has no finite score.
        """
        started, clip = time.perf_counter(), self._clip(name)
        columns = self._columns(clip, folder, *self._detector.score(clip))
        if hasattr(self._detector, "live"):
            columns[LIVE] = self._finite(clip, self._detector.live(clip))
        return Scored(columns, time.perf_counter() - started)

    def beside(self) -> "Sequence[Scoring]":
        """The works of the other fitted detectors that look at whole test frames through the same backbone."""
        return self._beside

    @cached_property
    def _beside(self) -> "list[Scoring]":
        models = self.model.beside() if self.maps else []
        plans = [replace(self.plan, declared=registry.declared(model.name)) for model in models]
        return [Scoring(one, self.fold, plan, self.rows, True) for one, plan in zip(models, plans, strict=True)]

    def together(self, name: str, folders: Sequence[Path], others: "Sequence[Scoring]") -> list[Scored | None]:
        """The clip's scores by this detector and by ``others``, who see its frames once.

        Where one of the others fails, this one is alone.
        """
        works, started, clip = [self, *others], time.perf_counter(), self._clip(name)
        try:
            found = streaming.score_together([work._detector for work in works], clip)
            made = [work._columns(clip, folder, *own) for work, own, folder in zip(works, found, folders, strict=True)]
        except Exception as error:
            log.debug("%s is scored alone: %s", name, error)
            return [self(name, folders[0]), *(None for _ in others)]
        return [Scored(columns, (time.perf_counter() - started) / len(works)) for columns in made]

    def _columns(self, clip: Clip, folder: Path, scores: np.ndarray, maps: np.ndarray | None) -> dict[str, np.ndarray]:
        columns = {"score": self._finite(clip, scores)}
        if maps is not None and self.maps:
            arrays = {"frames": clip.frames, "maps": maps.astype(np.float16)}
            artifacts.write_arrays(folder / "maps" / f"{clip.name}.npz", arrays)
        return columns

    def _finite(self, clip: Clip, scores: np.ndarray) -> np.ndarray:
        if len(scores) != len(clip.frames) or not np.isfinite(scores).all():
            raise UserError(f"{self.model.name}: clip {clip.name} has no finite score for each of its frames")
        return scores.astype(np.float64)


def score_clips(
    model: Any, fold: str, plan: Plan, rows: pd.DataFrame, maps: Path | None = None
) -> list[tuple[Clip, Scored]]:
    """(clip, its scores) for every clip that ``rows`` name; their maps go into the folder ``maps``.

    The clips come without what the detector read of them.

    Raises:
        UserError: a frame has no finite score.
    """
    work = Scoring(model, fold, plan, rows, maps is not None)
    into = {} if maps is None else {"maps": maps}
    scores = map_clips(work, [clip.name for clip in work.clips.bare], into, desc=f"score {model.name}")
    return list(zip(work.clips.bare, scores, strict=True))
