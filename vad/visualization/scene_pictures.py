"""What the data look like: a normal frame of each scene, and each type of event with its mask outlined."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from vad.data.frames import Clip, FrameStore
from vad.metrics.alarms import label_events
from vad.visualization.panels import outline
from vad.visualization.style import WIDTH, grid, save

COLUMNS = 4
MOST = 12  # frames, normal ones and events together
TILE = 320  # pixels: width of one frame


@dataclass(frozen=True)
class View:
    """A frame and what it is called."""

    title: str
    clip: Clip
    frame: int


def views(store: FrameStore, events: pd.DataFrame) -> list[View]:
    """A normal frame of each scene, then one of each type of event; at most ``MOST``, half of them normal.

    Args:
        events: clip, first_frame, last_frame, type; where empty, the runs of abnormal frames are one type.
    """
    clips = {clip.name: clip for clip in store.clips() if clip.path}
    normal: dict[str, View] = {}
    for clip in clips.values():
        if clip.split == "train":
            normal.setdefault(clip.scene, View(f"scene {clip.scene}: normal", clip, _middle(clip.frames)))
    if events.empty:
        index = store.index.sort_values(["clip", "frame"], ignore_index=True)
        events = label_events(index).drop_duplicates("clip").assign(type=lambda own: own["clip"] + ": abnormal")
    events = events[events["clip"].isin(clips)]
    abnormal = []
    for kind, own in events.groupby("type", sort=True):
        clip = clips[own["clip"].iloc[0]]
        inside = clip.frames[(clip.frames >= own["first_frame"].iloc[0]) & (clip.frames <= own["last_frame"].iloc[0])]
        if len(inside):
            abnormal.append(View(kind.replace("_", " "), clip, _plainest(clip, inside, store)))
    scenes = list(normal.values())[: max(MOST // 2, MOST - len(abnormal))]
    return [*scenes, *abnormal][:MOST]


def _middle(frames: np.ndarray) -> int:
    return int(frames[len(frames) // 2])


def _plainest(clip: Clip, frames: np.ndarray, store: FrameStore) -> int:
    """Of ``frames``, the one with the largest mask; the middle one where masks are unknown."""
    masks = store.masks(clip.name)
    if masks is None:
        return _middle(frames)
    areas = masks[np.searchsorted(clip.stored, frames)].sum(axis=(1, 2))
    return int(frames[areas.argmax()]) if areas.any() else _middle(frames)


def draw(shown: Sequence[View], store: FrameStore, path: Path, dpi: int) -> None:
    """Write ``path``.png: the views in rows of ``COLUMNS``."""
    gap = 0.06
    ratio = max(view.clip.size[1] / max(1, view.clip.size[0]) for view in shown)
    height = (WIDTH - 0.04 - gap * (COLUMNS - 1)) / COLUMNS * ratio
    figure, axes = grid(len(shown), COLUMNS, (0, height), (gap, 0.2), (0.02, 0.02, 0.2, 0.02))
    for axis, view in zip(axes, shown, strict=True):
        image = view.clip.read(view.frame)
        image = cv2.resize(image, (TILE, round(TILE * image.shape[0] / image.shape[1])), interpolation=cv2.INTER_AREA)
        outline(image, view.clip, store, view.frame)
        axis.imshow(image)
        axis.set_axis_off()
        axis.set_title(view.title, fontsize=7, pad=2)
    save(figure, path, dpi)
