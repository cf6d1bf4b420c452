"""Heat-map panels: for each detector with maps, its best hits, its misses and its false alarms."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vad.data.frames import Clip, FrameStore
from vad.pipeline import artifacts
from vad.visualization.overlay import blend, span
from vad.visualization.style import WIDTH, plt, save

MAPS = Path("data/maps")
KINDS = {"best hits": (1, True, False), "misses": (1, False, True), "false alarms": (0, True, False)}
TILE = 260  # pixels: width of one frame in a panel
TITLE, GAP = 26, 24  # pixels: height of a title, space between two examples
OUTLINE = (0, 200, 120)


def choose(rows: pd.DataFrame, count: int) -> dict[str, pd.DataFrame]:
    """The most telling frames of each kind, judged at the threshold, one of a clip.

    Args:
        rows: one detector's test frames with ``shown`` and ``alarm``.

    Returns:
        kind -> at most ``count`` rows; hits and false alarms by the highest score, misses by the lowest.
    """
    chosen = {}
    for kind, (label, alarm, ascending) in KINDS.items():
        fitting = rows[(rows["label"] == label) & (rows["alarm"] == alarm)]
        best = fitting.sort_values(["shown", "clip", "frame"], ascending=[ascending, True, True], kind="stable")
        chosen[kind] = best.drop_duplicates("clip").head(count)
    return chosen


def draw(
    detector: str, rows: pd.DataFrame, store: FrameStore, count: int, opacity: float, path: Path, dpi: int
) -> bool:
    """The panel of ``detector``: three rows (kinds) of ``count`` examples: frame, overlay, score bar.

    Returns:
        whether there was anything to draw: maps, pixels and a threshold.
    """
    files = {file.stem: file for file in sorted((MAPS / detector).glob("*.npz"))}
    rows = rows[rows["clip"].isin(files.keys() & store.with_pixels)]
    if rows.empty or not rows["alarm"].any():
        return False
    chosen = choose(rows, count)
    clips = {clip.name: clip for clip in store.clips("test")}
    wanted = {clip for part in chosen.values() for clip in part["clip"]}
    maps = {clip: artifacts.load_arrays(files[clip]) for clip in sorted(wanted)}
    maps = {clip: dict(zip(stored["frames"].tolist(), stored["maps"], strict=True)) for clip, stored in maps.items()}
    limits = span([np.stack(list(part.values())) for part in maps.values()])
    ceiling = max(rows["shown"].quantile(0.999), 1.0)

    pictures = {
        kind: [_example(row, clips[row["clip"]], store, maps[row["clip"]], limits, opacity, ceiling)
               for _, row in part.iterrows()]
        for kind, part in chosen.items()
    }  # fmt: skip
    save(_page(chosen, pictures, count), path, dpi)
    return True


def _page(chosen: dict[str, pd.DataFrame], pictures: dict[str, list[np.ndarray]], count: int) -> Figure:
    """The pictures of each kind in a row of ``count``, with their titles: one picture, as axes for each take long."""
    every = [picture for own in pictures.values() for picture in own]
    height, width = (max(picture.shape[axis] for picture in every) for axis in (0, 1))
    page = np.full((len(chosen) * (height + TITLE), count * (width + GAP) - GAP, 3), 255, np.uint8)
    figure, axis = plt.subplots(figsize=(WIDTH, WIDTH * page.shape[0] / page.shape[1]))
    figure.subplots_adjust(0, 0, 1, 1)
    axis.set_axis_off()
    size = WIDTH * 72 / page.shape[1] * TITLE * 0.6  # points
    for line, (kind, part) in enumerate(chosen.items()):
        top = line * (height + TITLE) + TITLE
        titles = [f"{row['clip']}, frame {row['frame']}" for _, row in part.iterrows()]
        titles = [f"{kind}: {titles[0]}", *titles[1:]] if titles else [f"no {kind} at this threshold"]
        for place, text in enumerate(titles):
            axis.text(place * (width + GAP), top - 0.25 * TITLE, text, fontsize=size)
        for place, picture in enumerate(pictures[kind]):
            left = place * (width + GAP)
            page[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    axis.imshow(page)
    return figure


def _example(row, clip: Clip, store: FrameStore, maps: dict, limits, opacity: float, ceiling: float) -> np.ndarray:
    """frame | overlay | score bar as one (h, w, 3) uint8 picture."""
    image = clip.read(int(row["frame"]))
    overlay = blend(image, maps[int(row["frame"])], limits, opacity) if int(row["frame"]) in maps else image
    height = round(TILE * image.shape[0] / image.shape[1])
    frame = cv2.resize(image, (TILE, height), interpolation=cv2.INTER_AREA)
    outline(frame, clip, store, int(row["frame"]))
    overlay = cv2.resize(overlay, (TILE, height), interpolation=cv2.INTER_AREA)
    gap = np.full((height, 6, 3), 255, np.uint8)
    return np.hstack([frame, gap, overlay, gap, _bar(row, height, ceiling)])


def outline(frame: np.ndarray, clip: Clip, store: FrameStore, number: int) -> None:
    """Draw the contour of the mask of ``clip``'s frame ``number`` into ``frame`` (h, w, 3), where there is one."""
    mask = store.masks(clip.name, int(np.searchsorted(clip.stored, number)))
    if mask is None:
        return
    mask = cv2.resize(mask.astype(np.uint8), frame.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(frame, contours, -1, OUTLINE, 1, cv2.LINE_AA)


def _bar(row, height: int, ceiling: float) -> np.ndarray:
    """The score as a bar from the common scale's 0 at the bottom; the black tick is the threshold."""
    bar = np.full((height, 16, 3), 236, np.uint8)
    filled = round(float(np.clip(row["shown"] / ceiling, 0, 1)) * height)
    bar[height - filled :] = (213, 94, 0) if row["alarm"] else (86, 120, 154)
    if np.isfinite(row["level"]):
        tick = int(np.clip(height - row["level"] / ceiling * height, 1, height - 2))
        bar[tick - 1 : tick + 1] = 0
    return bar
