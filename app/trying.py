"""A file of the user's through a bundle, as ``vad score`` judges it: scores, alarms, the annotated video."""

import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from vad.data.listing import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from vad.deploy import where
from vad.deploy.score import score
from vad.deploy.session import Keeping
from vad.deploy.settings import Settings
from vad.deploy.sinks.sink import Sink, Told
from vad.deploy.sources import files
from vad.deploy.sources.address import Source
from vad.deploy.stream import Bundle, Scored
from vad.pipeline.errors import UserError
from vad.visualization.overlay import blend
from vad.visualization.scale import log_odds

OPACITY = 0.6
SUFFIXES = sorted(suffix.lstrip(".") for suffix in VIDEO_SUFFIXES | PICTURE_SUFFIXES)


@dataclass(frozen=True)
class Tried:
    """What came of a file.

    Attributes:
        scores: detector, frame, second, score, calibrated and ``shown`` (its log odds); a row per detector and frame.
        alarms: start, peak and end in seconds, calibrated, threshold, log_odds, box; a row each.
        detector: whose score raises alarms; level: its threshold, as log odds.
        film: the annotated video (.mp4), or of a single picture that picture with its map (.jpg).
    """

    scores: pd.DataFrame
    alarms: pd.DataFrame
    detector: str
    level: float
    film: bytes


class Collected(Sink):
    """Keeps what a session tells."""

    def __init__(self) -> None:
        self.rows: list[tuple] = []
        self.ended: list[dict] = []
        self.last: Scored | None = None

    def scored(self, camera: str, scored: Scored, epoch: float | None, latency: float) -> None:
        self.last = scored
        for name, reading in scored.readings.items():
            self.rows.append((name, scored.frame, scored.seconds, reading.score, reading.calibrated))

    def alarm(self, told: Told) -> None:
        if told.change.type == "end":
            self.ended.append(told.plain()["after"])

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(scores, alarms), see :class:`Tried`."""
        scores = pd.DataFrame(self.rows, columns=["detector", "frame", "second", "score", "calibrated"])
        alarms = pd.DataFrame(self.ended).reindex(
            columns=["start", "peak", "end", "detector", "calibrated", "log_odds", "threshold", "box"]
        )
        return scores.assign(shown=log_odds(scores["calibrated"].to_numpy())), alarms


def bundles(root: Path) -> list[Path]:
    """Folders of the project that hold a bundle, that of the pipeline first."""
    found = {
        path.parent for pattern in ("bundle.json", "*/bundle.json", "*/*/bundle.json") for path in root.glob(pattern)
    }
    return sorted(found, key=lambda path: (path != root / "data/bundle", path))


def run(
    name: str,
    content: bytes,
    bundle: Bundle,
    settings: Settings,
    progress: Callable[[int, int | None], object] = lambda frames, of: None,
) -> Tried:
    """Judge the file ``name``, a video or a picture.

    Args:
        progress: called with the number of frames judged and of all, None where the file does not say.

    Raises:
        UserError: it cannot be read, or the bundle cannot judge it.
    """
    picture = Path(name).suffix.lower() in PICTURE_SUFFIXES
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder) / "source"
        inside.mkdir()
        path = inside / f"file{Path(name).suffix.lower()}"
        path.write_bytes(content)
        film = Path(folder) / "annotated.mp4"
        source = Source("file", "pictures" if picture else "file", str(inside if picture else path))
        sink = Collected()
        keeping = Keeping() if picture else Keeping(annotated=film)
        try:
            total, done = files.count(source), itertools.count(1)
            score(source, bundle, settings, sink, keeping, lambda _: progress(next(done), total))
        except UserError as error:
            raise UserError(str(error).replace(str(path), name)) from None
        detector = settings.in_charge(bundle.thresholds)
        drawn = _picture(path, sink.last, detector) if picture else film.read_bytes()
    scores, alarms = sink.tables()
    thresholds = {**bundle.thresholds, **bundle.scene_thresholds.get(settings.scene or "", {})}
    level = float(log_odds(np.array(settings.threshold or thresholds[detector])))
    return Tried(scores, alarms, detector, level, drawn)


def _picture(path: Path, scored: Scored | None, detector: str) -> bytes:
    image = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    score_map = where.telling_map(scored, detector) if scored else None
    if score_map is not None:
        values = np.asarray(score_map, np.float32)
        low, high = float(np.nanmedian(values)), float(np.nanmax(values))
        image = blend(image, values, (low, high), OPACITY) if high > low else image
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
