"""A bundle: fitted detectors with all that turns frames of a camera into calibrated scores, in one folder of files.

- ``bundle.json``: format, detectors, sizes, smoothing, weights, thresholds, scenes, engine; the fields of ``Settings``
- ``models/<detector>/``: as ``vad.detectors.fitted`` saves them, with the one fit ``all``
- ``scenes/``: each scene as ``vad.perception.scene`` knows it; where a detector looks at objects
- ``calibration/``: by detector and ``fusion``, the held-out normal scores that calibrate
- ``encoder/``: the vectors of the encoder's labels; where a detector looks at embeddings
- ``<network>.onnx``: the networks, for engines other than PyTorch
- ``card.json`` and ``card.md``: what it was fitted on and what to expect of it
- ``SHA256SUMS``: of all of them
"""

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from threadpoolctl import threadpool_limits

from vad.data.packing import stored_size
from vad.deploy import sample as samples
from vad.deploy import sealed
from vad.deploy.scorer import Calibration, CameraScorer
from vad.deploy.stream import FUSION
from vad.detectors import fitted, registry
from vad.features import backbones, quantising
from vad.perception import detection, embedding, followed, tracking
from vad.perception.camera import Camera
from vad.perception.scene import Scene
from vad.perception.sight import Perception
from vad.pipeline import artifacts, params
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section
from vad.post_processing import temporal

FORMAT = 1
AGAIN = "make it again with 'dvc repro export_bundle'"
Engine = Literal["torch", "onnxruntime", "openvino"]
Precision = Literal["float32", "int8"]


class Network(Section):
    """One graph: the ``file``, what it gives of a square input of ``side`` pixels, and of which backbone."""

    file: str = pydantic.Field(pattern=r"^network\d+\.onnx$")
    outputs: list[str] = pydantic.Field(min_length=1)
    side: int
    backbone: backbones.Params


class Settings(Section):
    """``bundle.json``.

    Attributes:
        stride: every so many-th frame is scored; short_side: to which larger frames are brought, pixels.
        weights: of the detectors in the fusion; thresholds: by detector and ``fusion``, on the calibrated scale;
        scene_thresholds: scene -> the same, where tuned per scene.
        precision: of the networks' graphs; the heads' are float32.
        networks: what the engine runs where it is not torch; heads: detector -> the graph of what follows the backbone.
        levels: detector -> the value of its map from which on a place stands out of held-out normal video.
        objects, linking, encoder: the sections of params.yaml by which objects were found and linked, frames embedded.
    """

    format: int
    detectors: list[str] = pydantic.Field(min_length=1)
    scenes: list[str]
    short_side: int | None
    stride: int = pydantic.Field(ge=1)
    engine: Engine
    precision: Precision = "float32"
    networks: list[Network]
    heads: dict[str, Annotated[str, pydantic.Field(pattern=r"^head_\w+\.onnx$")]]
    temporal: temporal.Params
    weights: dict[str, float]
    thresholds: dict[str, float]
    scene_thresholds: dict[str, dict[str, float]]
    levels: dict[str, float] = pydantic.Field(default_factory=dict)
    objects: detection.Params | None
    linking: tracking.Params | None = None
    encoder: dict | None


class FittedBundle:
    """See :class:`vad.deploy.stream.Bundle`; made by :func:`load`."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        self._backbones: dict[int, backbones.Backbone] = {}
        self.detectors, self.scenes = settings.detectors, settings.scenes
        self.thresholds, self.scene_thresholds = settings.thresholds, settings.scene_thresholds

    @cached_property
    def card(self) -> dict:
        """``card.json``."""
        return artifacts.load_json(self.folder / "card.json")

    def open(
        self,
        camera: Camera,
        sample: list[np.ndarray] | None = None,
        stride: int | None = None,
        detectors: Sequence[str] | None = None,
    ) -> CameraScorer:
        """See :meth:`vad.deploy.stream.Bundle.open`; ``stride`` and ``detectors`` in place of the bundle's own."""
        short_side = self.settings.short_side
        stored = Camera(camera.name, camera.scene, camera.fps, stored_size(*camera.size, short_side))
        perception = Perception(stored)
        if self.settings.objects is not None:
            scene = self._scene(stored, sample)
            detection.give(perception, detection.Finder(perception, scene, self.settings.objects))
        if self.settings.linking is not None:
            followed.give(perception, followed.Linked(perception, self.settings.linking))
        if self._encoder is not None:
            embedding.give(perception, embedding.Encoded(self._encoder, perception))
        thresholds = {**self.thresholds, **self.scene_thresholds.get(camera.scene, {})}
        fitted = {name: self.fitted[name] for name in detectors or self.detectors}
        calibration = self.calibration.of(list(fitted))
        return CameraScorer(
            fitted, perception, camera, calibration, thresholds, short_side, stride or self.settings.stride
        )

    def _scene(self, camera: Camera, sample: list[np.ndarray] | None) -> Scene:
        if camera.scene in self.known_scenes:
            return self.known_scenes[camera.scene]
        if sample is None:
            raise UserError(
                f"{camera.name}: the bundle does not know the scene '{camera.scene}' (it has "
                f"{', '.join(self.scenes) or 'none'}): name one of these, or give a sample of the camera's normal video"
            )
        assert self.settings.objects is not None  # only objects are judged by a scene
        images = [_brought(image, camera.size) for image in sample]
        return samples.learn(camera, images, self.settings.objects.height)

    @cached_property
    def calibration(self) -> Calibration:
        """How its scores are smoothed, calibrated and fused."""
        normal, settings = _arrays(self.folder / "calibration")["normal"], self.settings
        return Calibration(settings.temporal, normal, settings.weights, settings.levels)

    @cached_property
    def known_scenes(self) -> dict[str, Scene]:
        """The fitted scenes by name; none where no detector looks at objects."""
        if self.settings.objects is None:
            return {}
        return {scene: Scene.from_arrays(arrays) for scene, arrays in _arrays(self.folder / "scenes").items()}

    @cached_property
    def fitted(self) -> dict[str, Any]:
        """The detectors by name, ready to score."""
        models = {name: fitted.load_fitted(self.folder / "models" / name) for name in self.detectors}
        made = {
            name: model.detector(backbone=self._seeing(model.backbone) if "backbone" in model.meta else None)
            for name, model in models.items()
        }
        for name, file in self.settings.heads.items() if self.settings.engine != "torch" else []:
            made[name].run_by(self.settings.engine, self.folder / file)
        return made

    def _seeing(self, backbone: backbones.Backbone) -> backbones.Backbone:
        """The one copy of ``backbone`` that this bundle looks through, run by its engine as far as there are graphs."""
        if id(backbone) not in self._backbones:
            own = copy(backbone)
            for network in self.settings.networks if self.settings.engine != "torch" else []:
                if network.backbone == backbone.params:
                    own = own.run_by(self.settings.engine, self.folder / network.file, network.outputs, network.side)
            self._backbones[id(backbone)] = own
        return self._backbones[id(backbone)]

    @cached_property
    def _encoder(self) -> Any:
        if self.settings.encoder is None:
            return None
        from vad.features import encoders, semantic

        wanted = params.validate(self.settings.encoder, semantic.Params, f"{self.folder}: encoder", AGAIN)
        if wanted.name != "conse":
            return encoders.load(wanted)
        from vad.features import conse

        classifier = self._seeing(backbones.common(conse.classifier_params(wanted), key="encoder.backbone"))
        return conse.Conse(wanted, _arrays(self.folder / "encoder")["labels"]["vectors"], classifier)


def load(folder: Path | str, engine: Engine | None = None) -> FittedBundle:
    """The bundle in ``folder``.

    Args:
        engine: which runs the networks; None: the one that the bundle names.

    Raises:
        UserError: a file was changed, added or lost, the format is another, something it needs is not installed, or
            its int8 graphs cannot be run here.
    """
    folder = Path(folder)
    # The products of one frame are small: a second thread of NumPy's doubles their cost by waiting awake for the next.
    threadpool_limits(1, "blas")
    sealed.check(folder)
    values = artifacts.load_json(folder / "bundle.json")
    if values.get("format") != FORMAT:
        found = values.get("format")
        raise UserError(f"{folder} has bundle format {found}, this version reads {FORMAT}: {AGAIN}")
    if "skipped" in values:
        raise UserError(f"{folder}: no bundle was made: {values['skipped']}")
    settings = params.validate(values, Settings, f"{folder / 'bundle.json'}", AGAIN)
    for name in settings.detectors:
        registry.declared(name)
    if missing := {*settings.detectors, FUSION} - settings.thresholds.keys():
        raise UserError(f"{folder} has no threshold of {', '.join(sorted(missing))}: {AGAIN}")
    settings = settings.model_copy(update={"engine": engine}) if engine else settings
    _check_precision(folder, settings)
    return FittedBundle(folder, settings)


def _check_precision(folder: Path, settings: Settings) -> None:
    if settings.precision == "int8" and settings.networks:
        if settings.engine == "torch":
            raise UserError(f"{folder}: the engine torch runs no int8 graphs: take onnxruntime or openvino")
        quantising.check_processor()


def _arrays(folder: Path) -> artifacts.States:
    return artifacts.load_state(folder)[0]


def _brought(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    import cv2

    return image if image.shape[1::-1] == size else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
