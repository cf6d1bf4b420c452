"""``weak`` on person tracks alone: ShanghaiTech's weakly supervised split, its regions the persons' boxes."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from vad.data import track_files, weak_labels
from vad.data.feature_sets import SNIPPET
from vad.data.frames import Clip
from vad.detectors import weak
from vad.detectors.weak import from_tracks, regions
from vad.metrics.measures import Frames, interval, resamples
from vad.perception import detection
from vad.perception.feeding import camera_of

SIZE, FPS = (856, 480), 24.0  # of ShanghaiTech's videos
LEARN, JUDGE = 8, 4  # every so many-th frame's boxes
SMOOTH = 9.5  # frames: sigma over a clip's scores
LEAF = 300  # boxes in a leaf at least: a track gives many that are alike


class Clips:
    """The split's clips as clips of regions."""

    def __init__(self, files: dict[str, Path], lists: weak_labels.Lists) -> None:
        self.lists = lists
        steps = {name: LEARN for name in lists.train} | {name: JUDGE for name in lists.test}
        self._tables = {
            name: from_tracks.described(track_files.read(files[name]), FPS, step) for name, step in steps.items()
        }
        normal = [name for name, label in lists.train.items() if not label]
        self._pooled = from_tracks.typical([self._tables[name] for name in normal])
        scenes: dict[str, list[pd.DataFrame]] = {}
        for name in normal:
            scenes.setdefault(name[:2], []).append(self._tables[name])
        self._lines = {scene: from_tracks.typical(tables) for scene, tables in scenes.items()}

    def clip(self, name: str, split: str, label: int) -> Clip:
        """Clip ``name`` with its regions; its frames are those that have any."""
        table = from_tracks.relative(self._tables[name], self._lines.get(name[:2], self._pooled))
        frames = np.unique(table["frame"])
        labels = np.full(len(frames), label, np.int8)
        # Stored: the moments that are looked at are those that were kept.
        return Clip(name, name[:2], split, FPS, frames, labels, frames, objects=table, size=SIZE)


def write(clips: Clips, folder: Path) -> None:
    """A ``.npy`` per clip, (T, D) of snippets of 16 frames; usual places are those of the normal training clips."""
    normal = [clips.clip(name, "train", 0) for name, label in clips.lists.train.items() if not label]
    state = regions.reference(normal)
    folder.mkdir(parents=True, exist_ok=True)
    for name in [*clips.lists.train, *clips.lists.test]:
        clip = clips.clip(name, "test", 0)
        table = detection.objects_of(clip)
        measures = regions.measured(table, clip.scene, clip.size, state)
        until = len(frame_labels(clips.lists.test[name])) if name in clips.lists.test else 0
        np.save(folder / f"{name}.npy", from_tracks.snippets(measures, table["frame"].to_numpy(), SNIPPET, until))


def frame_labels(truth: weak_labels.Truth, last: int = 0) -> np.ndarray:
    """(F,) of a test clip, as long as its array of labels, else as its list says, else up to frame ``last``."""
    return truth.frames(len(np.load(truth.labels)) if truth.labels is not None else truth.length or last)


def measure(clips: Clips, settings: weak.Params, seed: int) -> dict[str, float]:
    """Fit with one deal of the normal clips; frame-level AUC of the test clips with its interval over clips."""
    normal = [name for name, label in clips.lists.train.items() if not label]
    np.random.default_rng(seed).shuffle(normal)
    half = len(normal) // 2
    training = [clips.clip(name, "train", 0) for name in normal[:half]]
    training += [clips.clip(name, "weak", 0) for name in normal[half:]]
    training += [clips.clip(name, "weak", 1) for name, label in clips.lists.train.items() if label]
    detector = weak.Detector(weak.fit(training, settings, seed), settings)
    scores, labels = [], []
    for name, truth in clips.lists.test.items():
        clip = clips.clip(name, "test", 0)
        last = int(clip.frames[-1]) + 1 if len(clip.frames) else 1
        own = frame_labels(truth, last)
        labels.append(own)
        scores.append(smoothed(clip, detector, len(own)))
    groups = np.repeat(np.arange(len(labels)), [len(own) for own in labels])
    frames = Frames(np.concatenate(scores), np.concatenate(labels), groups)
    low, high = interval(frames.roc_auc(resamples(len(labels), 1000, seed)), 0.95)
    found = {"seed": seed, "clips": len(labels), "roc_auc": float(frames.roc_auc()[0])}
    return found | {"low": float(low), "high": float(high)}


def smoothed(clip: Clip, detector: weak.Detector, frames: int) -> np.ndarray:
    """(frames,) scores: those of the frames with boxes, interpolated and smoothed; 0 in a clip without any."""
    if not len(clip.frames):
        return np.zeros(frames)
    camera = camera_of(clip)
    table = detection.objects_of(clip)
    values = np.zeros(len(clip.frames))
    np.maximum.at(values, np.searchsorted(clip.frames, table["frame"]), detector.judge(camera, table, clip.read))
    return gaussian_filter1d(np.interp(np.arange(frames), clip.frames, values), SMOOTH)
