"""What detectors say of a camera's own normal video: what its scores and its budget of alarms are measured by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vad.deploy.stream import Bundle
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.post_processing.calibration import quantile


@dataclass(frozen=True)
class Normal:
    """What a bundle's detectors say of normal video, in order.

    Attributes:
        seconds: (N,) ascending. scores: by detector and ``FUSION``, (N,): smoothed by the past, or fused.
    """

    seconds: np.ndarray
    scores: dict[str, np.ndarray]

    def calibrated(self, name: str) -> np.ndarray:
        """(N,) scores of ``name`` as quantiles of themselves."""
        return quantile(self.scores[name], self.scores[name])


def normal_video(bundle: Bundle) -> Normal:
    """The camera's normal video that an adapted bundle keeps the scores of.

    Raises:
        UserError: it is not an adapted one.
    """
    folder: Path | None = getattr(bundle, "folder", None)
    arrays = artifacts.load_state(folder / "calibration")[0] if folder else {}
    if "times" not in arrays:
        raise UserError(
            f"{folder or 'the bundle'} holds no normal video of one camera, which a budget is counted on: adapt it "
            "to the camera with 'vad adapt', or set --threshold"
        )
    return Normal(arrays["times"]["seconds"], arrays["normal"])
