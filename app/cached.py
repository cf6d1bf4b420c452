"""The pipeline's outputs, read once and kept until the files change.

What is kept is keyed by the modification times and sizes of the files it comes from (``when``).
"""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app import experiments as dvc_experiments
from app import footage, operating
from app.project import Project, Stamp, stamp
from vad.data.frames import Clip, FrameStore
from vad.evaluation import scorecard
from vad.pipeline import results
from vad.post_processing import fused
from vad.visualization import overlay, scale

cached = st.cache_data(show_spinner=False, max_entries=64)


def metrics(project: Project) -> dict[str, dict]:
    """``metrics/<detector>.json`` by detector; those that did not run hold the one key ``skipped``."""
    files = sorted(project.metrics.glob("*.json"))
    return _metrics(project.metrics, [path.name for path in files], stamp(*files))


@cached
def _metrics(folder: Path, names: list[str], when: Stamp) -> dict[str, dict]:
    return results.read_metrics(folder)


def json(path: Path) -> dict:
    """The JSON object in ``path``; empty where there is none."""
    return _json(path, stamp(path))


@cached
def _json(path: Path, when: Stamp) -> dict:
    return results.read_json(path)


def table(path: Path) -> pd.DataFrame:
    """The CSV table in ``path``; empty where there is none."""
    return _table(path, stamp(path))


@cached
def _table(path: Path, when: Stamp) -> pd.DataFrame:
    return results.read_table(path)


@st.cache_resource(show_spinner=False, max_entries=4)
def _store(folder: Path, when: Stamp) -> tuple[dict[str, float], dict[str, Clip]]:
    store = FrameStore(folder)
    fps = store.manifest.set_index("clip")["fps"].astype(float).to_dict()
    return fps, {clip.name: clip for clip in store.clips("test")}


def fps(project: Project) -> dict[str, float]:
    """Frames per second of every clip."""
    return _store(project.data, stamp(*project.store))[0]


def clips(project: Project) -> dict[str, Clip]:
    """The test clips by name."""
    return _store(project.data, stamp(*project.store))[1]


def shown(project: Project) -> pd.DataFrame:
    """The test frames of all detectors with what is drawn of them (``vad.visualization.scale.decided``)."""
    return _shown(project, stamp(project.fused, project.thresholds))


@cached
def _shown(project: Project, when: Stamp) -> pd.DataFrame:
    return scale.decided(fused.load(project.fused), results.read_json(project.thresholds))


def timelines(project: Project, clip: str) -> pd.DataFrame:
    """One clip's rows of :func:`shown`, in order of frames."""
    return _timelines(project, clip, stamp(project.fused, project.thresholds))


@cached
def _timelines(project: Project, clip: str, when: Stamp) -> pd.DataFrame:
    rows = shown(project)
    return rows[rows["clip"] == clip].sort_values(["detector", "frame"], ignore_index=True)


def setting(project: Project) -> scorecard.Setting:
    """What alarms are judged with, as ``stages.evaluate`` puts it together.

    Raises:
        UserError: how late scores are is not known yet: without it delays would be too short.
    """
    project.need("No alarm to judge", project.latency)
    tuned = json(project.thresholds)
    events, latency = table(project.data / "events.csv"), json(project.latency)
    return scorecard.Setting(fps(project), events, tuned["merge_seconds"], tuned["per_scene"], latency)


def watched(project: Project, detector: str) -> pd.DataFrame:
    """A detector's test rows as a live camera would score them (``vad.evaluation.scorecard.watched``)."""
    return _watched(project, detector, stamp(project.fused))


@cached
def _watched(project: Project, detector: str, when: Stamp) -> pd.DataFrame:
    rows = fused.load(project.fused)
    return scorecard.watched(rows[rows["detector"] == detector])


def sweep(project: Project, detector: str) -> pd.DataFrame:
    """What an operator gets at thresholds all along the scale (``app.operating.sweep``)."""
    return _sweep(project, detector, stamp(project.fused, project.thresholds, project.data / "events.csv"))


@cached
def _sweep(project: Project, detector: str, when: Stamp) -> pd.DataFrame:
    return operating.sweep(watched(project, detector), setting(project))


def video(project: Project, clip: str, frames: np.ndarray, source: str | None, opacity: float) -> bytes:
    """An H.264 video of a clip's ``frames``; ``source``: whose maps lie over them, or None."""
    own = clips(project)[clip]
    when = stamp(own.path or project.store[2], *([project.maps(source, clip)] if source else []))
    return _video(project, clip, frames, source, opacity, when)


@st.cache_data(show_spinner=False, max_entries=48)
def _video(project: Project, clip: str, frames: np.ndarray, source: str | None, opacity: float, when: Stamp) -> bytes:
    maps = score_maps(project, source, clip) if source else {}
    return footage.encode(clips(project)[clip], frames, maps, limits(project, source, clip), opacity)


def score_maps(project: Project, source: str, clip: str) -> dict[int, np.ndarray]:
    """Frame number -> (h, w) map that ``source`` left of ``clip``."""
    return footage.score_maps(project.maps(source, clip))


def limits(project: Project, source: str | None, clip: str) -> tuple[float, float]:
    """The map values between which the colours of ``source`` run in ``clip``, as in the annotated videos."""
    if source is None:
        return 0.0, 1.0
    return _limits(project.maps(source, clip), stamp(project.maps(source, clip)))


@cached
def _limits(path: Path, when: Stamp) -> tuple[float, float]:
    return overlay.span([np.stack(list(footage.score_maps(path).values()))])


def experiments(project: Project) -> list[dvc_experiments.Run]:
    """The runs that DVC knows of."""
    marks = dvc_experiments.marks(project.root)
    return _experiments(project.root, [str(path) for path in marks], stamp(*marks))


@cached
def _experiments(root: Path, names: list[str], when: Stamp) -> list[dvc_experiments.Run]:
    return dvc_experiments.known(root)
