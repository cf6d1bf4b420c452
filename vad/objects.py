"""``objects``: foreground objects that are unusually fast, unusually shaped, out of place or look unlike any seen.

Four attributes per object (``vad.attributes``), each with its own density and calibrated on objects of training clips
that the density was not fitted on (``vad.tails``); their surprises add up. A frame's score is that of its most
surprising object, 0 without objects.

Densities of velocity and appearance over objects: Reiss & Hoshen, "Attribute-based Representations for Accurate and
Interpretable Video Anomaly Detection" (2022), section 4; there with detector boxes, poses and CLIP crops.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from vad import detection
from vad.attributes import Attribute, Params, densities
from vad.backbones import Backbone
from vad.frames import Clip
from vad.tails import Tail

__all__ = ["Detector", "Params", "fit"]

SOURCE = "frames"
ROLE = "fit_all"
LABELLED = False
NEEDS_BACKBONE = True

HELD_OUT = 4  # every fourth training clip calibrates


def fit(clips: Sequence[Clip], params: Params, seed: int, backbone: Backbone) -> dict[str, np.ndarray]:
    """The attributes' densities and their tails on held-out objects; empty where no training frame has an object.

    Returns:
        ``<attribute>.<array>`` and ``<attribute>.tail.*`` of each attribute.
    """
    found = [(clip, table) for clip in clips if len(table := detection.read(clip))]
    if not found:
        return {}
    calibrating = _thin(found[HELD_OUT - 1 :: HELD_OUT] or found, params.max_objects // HELD_OUT)
    fitting = [pair for i, pair in enumerate(found) if i % HELD_OUT != HELD_OUT - 1]
    fitting = _thin(fitting, params.max_objects)
    state: dict[str, np.ndarray] = {}
    for name, density in densities(params, backbone).items():
        with tqdm(total=len(fitting) + len(calibrating), desc=f"fit objects, {name}", unit="clip") as bar:
            state |= {f"{name}.{key}": array for key, array in density.fit(_counted(fitting, bar), seed).items()}
            own = _own(state, name)
            held_out = [density.measure(own, clip, table) for clip, table in _counted(calibrating, bar)]
        state |= Tail.fit(np.concatenate(held_out)).arrays(f"{name}.tail")
    return state
