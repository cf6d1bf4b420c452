"""Where the classifier looks: Grad-CAM over an ordinary frame and over the most unusual one, beside the reference."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vad.data.frames import Clip
from vad.detectors.gradcam import GLOBAL, Params, cams, ssim
from vad.features.backbones import Backbone
from vad.visualization.overlay import blend, span
from vad.visualization.style import WIDTH, grid, save

COLUMNS = ("frame", "class activation map", "reference", "dissimilarity")
KINDS = ("normal", "abnormal")


def examples(rows: pd.DataFrame, clips: Sequence[Clip]) -> list[tuple[Clip, int, str]]:
    """The test frame with the highest score after the most ordinary normal one, of the same scene where there is one.

    Args:
        rows: the detector's scores: clip, frame, role, label, score.
        clips: all clips with pixels.

    Returns:
        (clip, frame number, "normal" or "abnormal") of each.
    """
    by_name = {clip.name: clip for clip in clips}
    test = rows[(rows["role"] == "test") & rows["clip"].isin(by_name)]
    if test.empty:
        return []
    scenes = {clip.name: clip.scene for clip in clips}
    test = test.assign(scene=test["clip"].map(scenes)).sort_values(["score", "clip", "frame"])
    highest = test.tail(1)
    normal = test[test["label"] == 0]
    here = normal[normal["scene"] == highest["scene"].iloc[0]]
    chosen = pd.concat([(normal if here.empty else here).head(1), highest])
    return [(by_name[row["clip"]], int(row["frame"]), KINDS[row["label"]]) for _, row in chosen.iterrows()]


def draw(
    state: dict[str, np.ndarray],
    params: Params,
    backbone: Backbone,
    shown: Sequence[tuple[Clip, int, str]],
    opacity: float,
    path: Path,
    dpi: int,
) -> None:
    """Write ``path``.png: a row per example of the frame and, over it, the maps of ``COLUMNS``.

    Args:
        state: the reference maps, see ``vad.detectors.gradcam.fit``.
        shown: from :func:`examples`.
    """
    images = [clip.read(frame) for clip, frame, _ in shown]
    maps = [
        _maps(image, clip.scene, state, params, backbone) for image, (clip, _, _) in zip(images, shown, strict=True)
    ]
    looks = span([own[:2] for own in maps], (0, 0.999))  # one scale for both rows
    unlike = span([own[2:] for own in maps], (0, 0.999))
    gap, count = 0.06, len(COLUMNS)
    ratio = max(image.shape[0] / image.shape[1] for image in images)
    height = (WIDTH - 0.04 - gap * (count - 1)) / count * ratio
    figure, axes = grid(count * len(shown), count, (0, height), (gap, 0.2), (0.02, 0.02, 0.36, 0.02))
    for place, ((clip, frame, kind), image, own) in enumerate(zip(shown, images, maps, strict=True)):
        line = axes[place * count : (place + 1) * count]
        layers = [blend(image, one, limits, opacity) for one, limits in zip(own, (looks, looks, unlike), strict=True)]
        for axis, picture in zip(line, [image, *layers], strict=True):
            axis.imshow(picture)
            axis.set_axis_off()
        line[0].set_title(f"{clip.name}, frame {frame}: {kind}", fontsize=6.5, pad=2)
    for axis, name in zip(axes, COLUMNS, strict=False):
        axis.annotate(name, (0, 1), (0, 13), "axes fraction", textcoords="offset points", fontsize=7.5)
    save(figure, path, dpi)


def _maps(image: np.ndarray, scene: str, state: dict, params: Params, backbone: Backbone) -> np.ndarray:
    """(3, grid, grid) float32: the frame's map, its reference and where they differ."""
    reference = torch.from_numpy(state[GLOBAL])
    if params.reference == "scene" and f"scene/{scene}" in state:
        reference = torch.from_numpy(state[f"scene/{scene}"])
    cam = cams(image[None], params, backbone).cpu()
    return torch.stack([cam[0], reference, 1 - ssim(cam, reference)[1][0]]).numpy()
