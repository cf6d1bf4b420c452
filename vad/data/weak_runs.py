"""How much of a clip with one label is kept: runs of neighbouring frames, evenly through the clip.

Motion is averaged within a run, so that the whole video need not be kept, nor, of campus-sim, rendered.
"""

import pydantic

from vad.pipeline.params import Section


class Params(Section):
    """Section ``weak_clips``: ``run`` frames of every ``stride``."""

    stride: int = pydantic.Field(ge=2, le=1000)
    run: int = pydantic.Field(ge=2, le=100)

    @pydantic.model_validator(mode="after")
    def _apart(self) -> "Params":
        if self.run > self.stride:
            raise ValueError(f"run = {self.run} is more than stride = {self.stride}: runs would overlap")
        return self

    def kept(self, frame: int) -> bool:
        """Whether frame number ``frame`` of a clip is in a run."""
        return frame % self.stride < self.run

    def frames(self, count: int) -> tuple[int, ...]:
        """The frame numbers of all whole runs in a clip of ``count`` frames."""
        starts = range(0, count - self.run + 1, self.stride)
        return tuple(start + k for start in starts for k in range(self.run))
