"""Person tracks as regions: the same measures as of foreground objects, so that evidence is learnt without pixels."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from vad.perception.detection import COLUMNS

FEWEST_BOXES = 6  # of a track
SMOOTH, REACH = 4, 5  # frames: sigma along a track, and half of the stretch over which velocity is measured
LEAST_HEIGHT, LEAST_WIDTH = 8.0, 4.0  # pixels of a typical person


def described(boxes: pd.DataFrame, fps: float, step: int) -> pd.DataFrame:
    """The boxes of every ``step``-th frame as regions: ``vad.perception.detection.COLUMNS``.

    Speeds are in body heights per second; height, width and area are still in pixels, see :func:`relative`.

    Args:
        boxes: frame, track, x1, y1, x2, y2 in pixels.
    """
    parts = [np.zeros((0, len(COLUMNS)))]
    for _, own in boxes.groupby("track"):
        own = own.drop_duplicates("frame").sort_values("frame")
        frames = own["frame"].to_numpy()
        if len(frames) < FEWEST_BOXES:
            continue
        full = np.arange(frames[0], frames[-1] + 1)
        sides = [np.interp(full, frames, own[side]) for side in ("x1", "y1", "x2", "y2")]
        x1, y1, x2, y2 = gaussian_filter1d(np.stack(sides), SMOOTH, axis=1, mode="nearest")
        place = np.arange(len(full))
        before, after = np.maximum(place - REACH, 0), np.minimum(place + REACH, len(full) - 1)
        centre = np.stack([(x1 + x2) / 2, (y1 + y2) / 2])
        height, width = y2 - y1, x2 - x1
        velocity = (centre[:, after] - centre[:, before]) / np.maximum(after - before, 1) * fps / np.maximum(height, 4)
        keep = np.isin(full, frames) & (full % step == 0)
        columns = [full, *sides, np.hypot(*velocity), *velocity, height, width, height * width]
        parts.append(np.column_stack(columns)[keep])
    return pd.DataFrame(np.concatenate(parts), columns=COLUMNS).astype({"frame": np.int64})


def snippets(measures: np.ndarray, frames: np.ndarray, length: int, until: int = 0) -> np.ndarray:
    """(T, 2 F + 1) float32 features of snippets of ``length`` frames: the regions' largest and mean measures, how many.

    Args:
        measures: (N, F) of regions, unknown ones NaN; frames: (N,) their frame numbers.
        until: frames of the clip, where it is known to go on after its last region.
    """
    known = np.nan_to_num(measures)
    which = frames // length
    found = np.zeros((max(int(which.max(initial=0)) + 1, -(-until // length)), 2 * known.shape[1] + 1), np.float32)
    for snippet in np.unique(which):
        own = known[which == snippet]
        found[snippet] = np.concatenate([own.max(0), own.mean(0), [np.log1p(len(own))]])
    return found


def typical(tables: Sequence[pd.DataFrame]) -> np.ndarray:
    """(2, 2) lines through heights and widths over the row of the feet: slope and level, pixels."""
    every = pd.concat(tables)
    return np.stack([np.polyfit(every["y2"], every[side], 1) for side in ("height", "width")])


def relative(table: pd.DataFrame, line: np.ndarray) -> pd.DataFrame:
    """``table`` with height, width and area relative to the typical person's at that row, by frame."""
    height = np.maximum(np.polyval(line[0], table["y2"]), LEAST_HEIGHT)
    width = np.maximum(np.polyval(line[1], table["y2"]), LEAST_WIDTH)
    scaled = table.assign(
        height=table["height"] / height, width=table["width"] / width, area=table["area"] / (height * width)
    )
    return scaled.sort_values("frame", kind="stable", ignore_index=True)
