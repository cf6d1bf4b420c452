"""What a benchmark times: each piece of work is prepared, untimed, by a function of the :class:`Bench`."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from vad.benchmark import footage
from vad.data.frames import Clip
from vad.features import backbones, semantic
from vad.perception import detection
from vad.perception.scene import Scene, by_scene
from vad.pipeline import params
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section
from vad.protocol import fitting

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

    def fit(self, name: str, clips: Sequence[Clip]) -> dict:
        """The state of detector ``name``, fitted on ``clips``."""
        return fitting.module(name).fit(clips, self._settings(name), params.common().seed, *self._shared(name))

    def detector(self, name: str, clips: Sequence[Clip]) -> object:
        """Detector ``name``, fitted on ``clips``."""
        state = self.fit(name, clips)
        return fitting.module(name).Detector(state, self._settings(name), *self._shared(name))

    def _settings(self, name: str) -> Section:
        return params.section(name, fitting.module(name).Params).model_copy(update=QUICK.get(name, {}))

    def _shared(self, name: str) -> tuple:
        return (self.backbone,) if getattr(fitting.module(name), "NEEDS_BACKBONE", False) else ()


def bare(bench: Bench) -> Work:
    """The whole classifier's forward pass on frames that are decoded and resized already."""
    tensors = [bench.backbone.preprocess(frames) for frames in backbones.batches(bench.clips)]

    def forward() -> None:
        logits = [bench.backbone.logits(x) for x in tensors]
        logits[-1].cpu()  # a CUDA device is done with all of them only now

    return forward


def fit(name: str) -> Callable[[Bench], Work]:
    """Fitting detector ``name``."""
    return lambda bench: lambda: bench.fit(name, bench.clips)


def score(name: str) -> Callable[[Bench], Work]:
    """Scoring every frame with detector ``name``."""
    return lambda bench: _scoring(bench.detector(name, bench.clips), bench.clips)


def score_small(name: str) -> Callable[[Bench], Work]:
    """Scoring every small frame with detector ``name``."""
    return lambda bench: _scoring(bench.detector(name, bench.small), bench.small)


def _scoring(detector: object, clips: Sequence[Clip]) -> Work:
    return lambda: [detector.score(clip) for clip in clips]


def embed(bench: Bench) -> Work:
    """The embed stage's encoder; what it loads with its first frame is loaded before."""
    encoder = semantic.load(params.section("encoder", semantic.Params))
    semantic.embed(footage.first(bench.clips, 1), encoder)
    return lambda: semantic.embed(bench.clips, encoder)


def find_objects(bench: Bench) -> Work:
    """Finding the objects of every small frame, as extract_objects does once it has learnt the scenes."""
    scenes = bench.scenes
    return lambda: [detection.detect(clip, scenes[clip.scene], bench.finding) for clip in bench.small]


def score_objects(bench: Bench) -> Work:
    """Scoring the objects of every small frame once they are found.

    Raises:
        UserError: there are none, so that the figure would mean nothing.
    """
    tables = find_objects(bench)()
    if not any(map(len, tables)):
        raise UserError("no object was found in these frames")
    for clip, table in zip(bench.small, tables, strict=True):
        detection.path(clip).parent.mkdir(exist_ok=True)
        table.to_parquet(detection.path(clip), index=False)
    return score_small("objects")(bench)
