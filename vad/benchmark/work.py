"""What a benchmark times: each piece of work is prepared, untimed, by a function of the :class:`Bench`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from vad.benchmark import footage
from vad.data.frames import Clip
from vad.detectors import registry
from vad.features import backbones, batching, encoders, semantic
from vad.perception import detection
from vad.perception.scene import Scene, by_scene
from vad.pipeline import params
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section

SMALL = (360, 240)  # width and height in pixels of the small frames
# A network trained for one step has the configured widths, and what it costs does not depend on its weights.
QUICK = {"stae": {"steps": 1, "holdout_windows": 1, "checkpoint_every": 2}}

Work = Callable[[], object]


class Bench:
    """The frames to work on and what is built of them once.

    Args:
        clips: the frames, and no others of theirs are looked at; folder: a new one for the small frames.
    """

    def __init__(self, clips: Sequence[Clip], folder: Path) -> None:
        self.clips = clips
        self.frames = sum(len(clip.frames) for clip in clips)
        self._folder = folder

    @cached_property
    def small(self) -> list[Clip]:
        """The same frames at the size ``SMALL``."""
        return footage.resized(self.clips, SMALL, self._folder)

    @cached_property
    def scenes(self) -> dict[str, Scene]:
        """The scenes of the small frames, as extract_objects learns them."""
        return {scene: Scene.learn(own, self.finding.height) for scene, own in by_scene(self.small).items()}

    @cached_property
    def finding(self) -> detection.Params:
        return params.section("extract_objects", detection.Params)

    @cached_property
    def backbone(self) -> backbones.Backbone:
        return backbones.load(params.section("backbone", backbones.Params))

    @cached_property
    def small_with_objects(self) -> list[Clip]:
        """The small frames with their objects.

        Raises:
            UserError: there are none, so that a figure would mean nothing.
        """
        tables = [detection.detect(clip, self.scenes[clip.scene], self.finding) for clip in self.small]
        if not any(map(len, tables)):
            raise UserError("no object was found in these frames")
        return [replace(clip, objects=table) for clip, table in zip(self.small, tables, strict=True)]

    def clips_for(self, name: str) -> list[Clip]:
        """The frames that detector ``name`` is timed on: as stored where a backbone sees them, else the small ones."""
        declared = registry.declared(name)
        if "objects" in declared.reads:
            return self.small_with_objects
        return list(self.clips) if declared.needs_backbone else self.small

    def fit(self, name: str) -> dict:
        """The state of detector ``name``, fitted on its frames."""
        seed = params.common().seed
        return registry.module(name).fit(self.clips_for(name), self._settings(name), seed, *self._shared(name))

    def detector(self, name: str) -> Any:
        """Detector ``name``, fitted on its frames."""
        state = self.fit(name)
        return registry.module(name).Detector(state, self._settings(name), *self._shared(name))

    def _settings(self, name: str) -> Section:
        return params.section(name, registry.module(name).Params).model_copy(update=QUICK.get(name, {}))

    def _shared(self, name: str) -> tuple:
        return (self.backbone,) if registry.declared(name).needs_backbone else ()


def bare(bench: Bench) -> Work:
    """The whole classifier's forward pass on frames that are decoded and resized already."""
    tensors = [bench.backbone.preprocess(frames) for frames in batching.batches(bench.clips)]

    def forward() -> None:
        logits = [bench.backbone.logits(x) for x in tensors]
        logits[-1].cpu()  # a CUDA device is done with all of them only now

    return forward


def fit(name: str) -> Callable[[Bench], Work]:
    """Fitting detector ``name``."""

    def prepare(bench: Bench) -> Work:
        bench.clips_for(name)
        return lambda: bench.fit(name)

    return prepare


def score(name: str) -> Callable[[Bench], Work]:
    """Scoring every frame with detector ``name``; objects were found before."""

    def prepare(bench: Bench) -> Work:
        detector = bench.detector(name)
        return lambda: [detector.score(clip) for clip in bench.clips_for(name)]

    return prepare


def embed(bench: Bench) -> Work:
    """The embed stage's encoder; what it loads with its first frame is loaded before."""
    encoder = encoders.load(params.section("encoder", semantic.Params))
    semantic.embed(footage.first(bench.clips, 1), encoder)
    return lambda: semantic.embed(bench.clips, encoder)


def find_objects(bench: Bench) -> Work:
    """Finding the objects of every small frame, as extract_objects does once it has learnt the scenes."""
    scenes = bench.scenes
    return lambda: [detection.detect(clip, scenes[clip.scene], bench.finding) for clip in bench.small]
