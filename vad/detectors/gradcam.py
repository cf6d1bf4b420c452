"""Grad-CAM against a reference (Selvaraju et al. 2017, section 3): does the classifier look where it usually looks?

The class activation map of the backbone's top-1 class is averaged over layers and compared with the mean map of normal
frames by structural similarity (Wang et al. 2004). The reproduced paper calls this method SPADE.
"""

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
import pydantic
import torch
import torch.nn.functional as F
from tqdm import tqdm

from vad.data.frames import Clip
from vad.detectors import streaming
from vad.detectors.streaming import Judged
from vad.features import batching
from vad.features.backbones import Backbone
from vad.perception.passes import LOGITS, Pass
from vad.perception.sight import Perception, Sight
from vad.pipeline.errors import CannotFit
from vad.pipeline.params import Section

TITLE = "Grad-CAM/SSIM"
READS = ("frames",)
ROLE = "cam_reference"
LABELLED = False
NEEDS_BACKBONE = True
BENCHMARK = {"score": "ratio >= 0.25"}

GLOBAL = "global"  # in the state, the mean map of all scenes; a scene's own is "scene/<scene>"
WINDOW = 7  # side of the SSIM window in grid cells, scikit-image's default


class Params(Section):
    """Section ``gradcam`` of params.yaml."""

    layers: list[Literal["layer1", "layer2", "layer3", "layer4"]] = pydantic.Field(min_length=1)
    reference: Literal["global", "scene"]
    grid: int = pydantic.Field(ge=WINDOW, le=128)


def cams(frames: np.ndarray, params: Params, backbone: Backbone) -> torch.Tensor:
    """Class activation maps of (B, H, W, 3) uint8 RGB frames: (B, grid, grid) float32 in [0, 1].

    Channel weights are the spatial mean of the gradient of the top-1 class score (eq. 1), a layer's map the rectified
    weighted sum of its channels (eq. 2), scaled to a maximum of 1; the layers' maps are resized and averaged.
    """
    return cams_of(*backbone.activations(backbone.preprocess(frames), params.layers), params.grid)


def cams_of(layers: Sequence[torch.Tensor], logits: torch.Tensor, grid: int) -> torch.Tensor:
    """The same from the layers' activations, each (B, C, h, w), and the logits (B, classes) that depend on them."""
    gradients = torch.autograd.grad(logits.amax(dim=1).sum(), layers)
    total: torch.Tensor | int = 0
    for activation, gradient in zip(layers, gradients, strict=True):
        weights = gradient.mean(dim=(2, 3))  # (B, C)
        cam = torch.einsum("bc,bchw->bhw", weights, activation.detach()).relu()
        cam = cam / cam.amax(dim=(1, 2), keepdim=True).clamp_min(1e-7)
        size = (grid, grid)
        total = total + F.interpolate(cam[:, None], size=size, mode="bilinear", antialias=cam.shape[-1] > grid)[:, 0]
    return cast(torch.Tensor, total / len(layers))


def ssim(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Structural similarity of maps in [0, 1]: mean (B,) and map (B, h, w), as scikit-image's with a data range of 1.

    Args:
        x: (B, h, w); y: (B, h, w) or (h, w).
    """
    y = y.expand_as(x)
    side = WINDOW // 2
    cells = WINDOW**2
    moments = torch.stack([x, y, x * x, y * y, x * y], dim=1)  # (B, 5, h, w)
    for axis in (2, 3):  # mirrored with the border cell repeated, as scipy.ndimage does
        length = moments.shape[axis]
        mirrored = [*range(side - 1, -1, -1), *range(length), *range(length - 1, length - side - 1, -1)]
        moments = moments.index_select(axis, torch.tensor(mirrored, device=x.device))
    ux, uy, uxx, uyy, uxy = F.avg_pool2d(moments, WINDOW, stride=1).unbind(dim=1)
    unbiased = cells / (cells - 1)
    vx, vy, vxy = unbiased * (uxx - ux * ux), unbiased * (uyy - uy * uy), unbiased * (uxy - ux * uy)
    c1, c2 = 0.01**2, 0.03**2
    full = (2 * ux * uy + c1) * (2 * vxy + c2) / ((ux**2 + uy**2 + c1) * (vx + vy + c2))
    return full[:, side:-side, side:-side].mean(dim=(1, 2)), full


def fit(clips: Sequence[Clip], params: Params, seed: int, backbone: Backbone) -> dict[str, np.ndarray]:
    """Mean maps of ``clips``' frames: ``global`` and ``scene/<scene>``, each (grid, grid)."""
    total = sum(len(clip.frames) for clip in clips)
    if not total:
        raise CannotFit("no normal frame for the reference map: add training clips")
    sums: dict[str, torch.Tensor] = {}
    counts: dict[str, int] = {}
    with tqdm(total=total, desc="reference cams", unit="frame") as bar:
        for scene in sorted({clip.scene for clip in clips if len(clip.frames)}):
            for frames in batching.batches([clip for clip in clips if clip.scene == scene]):
                batch = cams(frames, params, backbone).sum(dim=0)
                for name in (GLOBAL, f"scene/{scene}"):
                    sums[name] = sums.get(name, 0) + batch
                    counts[name] = counts.get(name, 0) + len(frames)
                bar.update(len(frames))
    return {name: (sums[name] / counts[name]).cpu().numpy() for name in sums}


class Detector:
    """Scores frames by how unlike the reference their class activation map is."""

    def __init__(self, state: dict[str, np.ndarray], params: Params, backbone: Backbone) -> None:
        self._references = {name: torch.from_numpy(array).to(backbone.device) for name, array in state.items()}
        self._params = params
        self._backbone = backbone

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """(N,) float32 ``1 - SSIM`` in [0, 2] and (N, grid, grid) float16 maps of the same.

        A scene without a reference of its own is compared with the global one.
        """
        return streaming.score(self, clip)

    def stream(self, perception: Perception) -> "Stream":
        """Start on one camera."""
        reference = self._references[GLOBAL]
        if self._params.reference == "scene":
            reference = self._references.get(f"scene/{perception.camera.scene}", reference)
        seen = Pass.shared(perception, self._backbone, [*self._params.layers, LOGITS], gradients=True)
        return Stream(self._params, seen, reference)


class Stream:
    """One camera's frames, each judged by itself."""

    latency = past = 0
    pixels = True

    def __init__(self, params: Params, seen: Pass, reference: torch.Tensor) -> None:
        self._params, self._pass, self._reference = params, seen, reference

    def push(self, sight: Sight) -> list[Judged]:
        """The wanted frames of this sight."""
        if not sight.wanted:
            return []
        seen = self._pass(sight)
        maps = cams_of([seen[name] for name in self._params.layers], seen[LOGITS], self._params.grid)
        similarity, full = ssim(maps, self._reference)
        return streaming.judged(sight, 1 - similarity.cpu().numpy(), (1 - full).cpu().numpy().astype(np.float16))
