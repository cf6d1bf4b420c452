"""The contact sheet of campus-sim: every scene as it normally is, and one example of every anomaly, outlined."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from vad.pipeline import artifacts
from vad.pipeline.errors import UserError

_COLUMNS, _GAP, _MARK = 3, 4, (40, 40, 235)


def contact_sheet(root: Path | str, path: Path | str) -> None:
    """Draw the sheet of the data set at ``root`` to the JPEG ``path``.

    Raises:
        UserError: nothing is rendered at ``root``.
    """
    root = Path(root)
    if not (root / "events.csv").exists():
        raise UserError(f"{root} holds no campus-sim: render it first with 'python -m stages.simulate'")
    events = pd.read_csv(root / "events.csv", dtype={"clip": str})
    videos = sorted((root / "training" / "videos").glob("*.avi"))
    first = {video.name[:2]: video for video in reversed(videos)}
    tiles = [_normal(first[scene], scene) for scene in sorted(first)]
    tiles += [_abnormal(root, events, kind) for kind in events["type"].unique()]
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % _COLUMNS)
    rows = [_join(tiles[k : k + _COLUMNS], axis=1) for k in range(0, len(tiles), _COLUMNS)]
    with artifacts.replacing(path) as temporary:
        cv2.imwrite(str(temporary), _join(rows, axis=0), [cv2.IMWRITE_JPEG_QUALITY, 78])


def _join(tiles: list[np.ndarray], axis: int) -> np.ndarray:
    h, w = tiles[0].shape[:2]
    gap = np.full((_GAP, w, 3) if axis == 0 else (h, _GAP, 3), 255, np.uint8)
    parts = [part for tile in tiles for part in (tile, gap)][:-1]
    return np.concatenate(parts, axis=axis)


def _normal(video: Path, scene: str) -> np.ndarray:
    """The frame of a training clip that differs most from the clip's median: the most people in view."""
    capture = cv2.VideoCapture(str(video))
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        frames.append(frame)
    some = np.stack(frames[:: max(1, len(frames) // 12)])
    spread = np.abs(some.astype(np.int16) - np.median(some, axis=0).astype(np.int16)).max(axis=3) > 40
    return _label(some[int(spread.mean(axis=(1, 2)).argmax())].copy(), f"scene {scene}: normal", (60, 60, 60))


def _abnormal(root: Path, events: pd.DataFrame, kind: str) -> np.ndarray:
    """A frame in the middle half of an event of this type, outlined.

    Best is one without another event and clear of the picture's edge, then one with many pixels.
    """
    testing, best = root / "testing", (False, False, -1, "", 0)
    for row in events[events["type"] == kind].itertuples():
        masks = np.load(testing / "test_pixel_mask" / f"{row.clip}.npy", mmap_mode="r")
        others = events[(events["clip"] == row.clip) & (events["type"] != kind)]
        quarter = (row.last_frame - row.first_frame) // 4
        for frame in range(row.first_frame + quarter, row.last_frame - quarter + 1, 3):
            alone = not ((others["first_frame"] <= frame) & (others["last_frame"] >= frame)).any()
            mask = masks[frame]
            clear = not (mask[[0, -1]].any() or mask[:, [0, -1]].any())
            best = max(best, (alone, clear, int(np.count_nonzero(mask)), row.clip, frame))
    *_, clip, frame = best
    image = cv2.imread(str(testing / "frames" / clip / f"{frame:03d}.jpg"))
    assert image is not None  # the data set has just been rendered
    mask = np.load(testing / "test_pixel_mask" / f"{clip}.npy", mmap_mode="r")[frame]
    outlines, _ = cv2.findContours(
        cv2.dilate(mask, np.ones((5, 5), np.uint8)), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(image, outlines, -1, _MARK, 1, cv2.LINE_AA)
    return _label(image, kind.replace("_", " "), _MARK)


def _label(image: np.ndarray, text: str, color: tuple[int, int, int]) -> np.ndarray:
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    top = image.shape[0] - height - 11
    cv2.rectangle(image, (0, top), (width + 12, image.shape[0]), color, cv2.FILLED)
    cv2.putText(image, text, (6, image.shape[0] - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return image
