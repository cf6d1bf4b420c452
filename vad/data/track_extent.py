"""How large the pictures were that person tracks without pixels were made from."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vad.data.clips import SCENE_IN_NAME

SHANGHAITECH_SIZE = (856, 480)  # width, height of the videos that its published person tracks were made from
# Of surveillance video and of the field's data sets: CIF to 4K; UCSD, Avenue, Street Scene, UBnormal among them.
USUAL_SIZES = (
    *((238, 158), (320, 240), (352, 288), (360, 240), (640, 360), (640, 480), (704, 576), (720, 576), (800, 600)),
    *((854, 480), (856, 480), (960, 540), (1024, 768), (1280, 720), (1280, 960), (1920, 1080), (2560, 1440)),
    *((2560, 1920), (3840, 2160)),
)
INSIDE = 0.98  # share of the boxes' far corners that lie in the picture: boxes may run past its border


def picture_size(boxes: Mapping[str, pd.DataFrame]) -> tuple[int, int]:
    """(width, height) of the smallest usual picture that holds nearly all boxes, else the boxes' own extent.

    Args:
        boxes: by the clip's name in the data set; where all are named as ShanghaiTech's and fit, the size is its.
    """
    corners = np.concatenate([table[["x2", "y2"]].to_numpy(np.float64) for table in boxes.values()])
    usual = sorted(USUAL_SIZES, key=lambda size: size[0] * size[1])
    if all(SCENE_IN_NAME.fullmatch(name) for name in boxes):
        usual = [SHANGHAITECH_SIZE, *usual]
    if not len(corners):
        return SHANGHAITECH_SIZE
    for size in usual:
        if (corners <= size).all(axis=1).mean() >= INSIDE:
            return size
    width, height = np.ceil(corners.max(axis=0)).astype(int)
    return int(width), int(height)
