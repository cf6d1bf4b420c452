"""PaDiM beside anomalib's: the same frames, each from the store to a model, and from the model to scores and maps.

Seconds are those of the CPU, all threads together, so that other load on the machine hardly counts; the networks have
random weights, which change nothing about what they cost. anomalib is no dependency: it is measured where an
environment has it (docs/scale.md).
"""

import importlib.util
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from vad.benchmark.speeds import quiet
from vad.benchmark.table import Bar, Figure
from vad.data.frames import Clip
from vad.detectors import padim
from vad.features import backbones
from vad.pipeline import params
from vad.pipeline.errors import UserError

ROUNDS = 3
SIDE, CHANNELS, GRID, BATCH = 224, 100, 56, 32  # the paper's with ResNet-18; anomalib's batches
BARS = {"resnet18": Bar(">=", 4, "ratio"), "efficientnet_lite0": Bar(">=", 10, "ratio")}

Timed = Callable[[], object]


def require() -> str:
    """anomalib's version.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec("anomalib") is None:
        raise UserError(
            "anomalib is absent, so there is nothing to compare with: it is measured from an environment of its own "
            "(docs/scale.md)"
        )
    return metadata.version("anomalib")


def measure(clips: Sequence[Clip], folder: Path) -> list[Figure]:
    """Frames per CPU second of fitting and of scoring, and their ratios to anomalib's, best of interleaved rounds.

    Args:
        clips: of one scene, at least two frames; folder: an existing one, for the weights.
    """
    frames = sum(len(clip.frames) for clip in clips)
    theirs = _anomalib(clips)
    timed: dict[str, tuple[Timed, Timed]] = {"anomalib resnet18": theirs}
    for name in BARS:
        for precision in ("float32", "bfloat16"):
            timed[f"{name} {precision}"] = _own(clips, name, precision, folder)
    best = {(name, what): float("inf") for name in timed for what in ("fit", "score")}
    with tqdm(total=ROUNDS * len(timed), desc="time", unit="model") as bar, quiet():
        for _ in range(ROUNDS):
            for name, steps in timed.items():
                for what, step in zip(("fit", "score"), steps, strict=True):
                    started = time.process_time()
                    step()
                    best[name, what] = min(best[name, what], time.process_time() - started)
                bar.update()
    return [
        Figure(
            f"padim {what}, {name}",
            frames / best[name, what],
            "frames/CPU s",
            best["anomalib resnet18", what] / best[name, what],
            BARS.get(name.split()[0]),
        )
        for what in ("fit", "score")
        for name in timed
    ]


def _anomalib(clips: Sequence[Clip]) -> tuple[Timed, Timed]:
    """Its model as its own trainer drives it: resize and normalise, remember all embeddings, fit, then score."""
    from anomalib.models.image import Padim
    from anomalib.models.image.padim.torch_model import PadimModel

    transform: Any = Padim.configure_pre_processor(image_size=(SIDE, SIDE)).transform
    fitted: list[Any] = []

    def inputs() -> Any:
        for batch in (frames for clip in clips for _, frames in clip.batches(BATCH)):
            yield transform(torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255)

    def fit() -> None:
        model = PadimModel(backbone="resnet18", pre_trained=False, n_features=CHANNELS).train()
        for x in inputs():
            model(x)
        model.fit()
        fitted[:] = [model.eval()]

    def score() -> None:
        with torch.no_grad():
            for x in inputs():
                fitted[0](x)

    return fit, score


def _own(clips: Sequence[Clip], name: str, precision: str, folder: Path) -> tuple[Timed, Timed]:
    """Ours, from params.yaml with the embedded network, else with the settings that anomalib has."""
    settings = params.section("padim", padim.Params)
    weights = None
    if name == "resnet18":
        import torchvision

        weights = folder / "resnet18.pth"
        torch.save(torchvision.models.resnet18().state_dict(), weights)
        own = {"n_features": CHANNELS, "reduction": "selection", "grid": GRID, "aggregate": "max"}
        settings = settings.model_copy(update=own)
    wanted = backbones.Params(name=name, weights=weights, image_size=SIDE, precision=precision)  # type: ignore[arg-type]
    backbone, fitted = backbones.load(wanted), dict[str, np.ndarray]()

    def fit() -> None:
        fitted.update(padim.fit(clips, settings, 0, backbone))

    def score() -> None:
        detector = padim.Detector(fitted, settings, backbone)
        for clip in clips:
            detector.score(clip)

    return fit, score
