"""``tracks`` on a live camera: every frame judged by what the tracker has said up to a little later, and by no more.

``Detector.score`` sees a whole clip: it smooths, differentiates and averages over both sides of a frame. A camera has
no other side. Here a frame is judged, by the same code, in the clip up to ``LATENCY`` later: its score is the one that
``Detector.score`` gives that frame in a clip that ends there. Scores change slowly, being averaged over a second: of
the frames of one ``PACE`` the first is judged, and the others take its score.
"""

from collections import deque
from typing import Protocol

import numpy as np
import pandas as pd

from vad.data.frames import Clip
from vad.detectors.streaming import Judged
from vad.perception import followed
from vad.perception.sight import Perception, Sight
from vad.perception.trajectories import BOX

LATENCY = 1.0  # seconds: a later score knows better what the frame's persons were about
PACE = 0.2  # seconds


class Judge(Protocol):
    """A fitted detector of whole clips."""

    @property
    def reach_seconds(self) -> float:
        """How far before a frame its score looks."""

    def score(self, clip: Clip) -> tuple[np.ndarray, np.ndarray | None]:
        """Scores and maps of ``clip.frames``."""


class Stream:
    """One camera's tracks, frame by frame, in memory that does not grow.

    Args:
        detector: fitted; perception: of the camera, with its tracks.
    """

    pixels = False

    def __init__(self, detector: Judge, perception: Perception) -> None:
        self._detector, self._camera = detector, perception.camera
        self._tracks = followed.of(perception)
        fps = self._camera.fps
        self._wait, self._pace = round(LATENCY * fps), max(1, round(PACE * fps))
        self._reach = round(detector.reach_seconds * fps)
        self.latency = self._wait + self._tracks.latency
        self.past = self._reach + self._pace + self._tracks.past
        self._boxes: deque[tuple[int, np.ndarray]] = deque()  # of the last frames: (N, 5) track, x1, y1, x2, y2
        self._spans: dict[int, tuple[int, int]] = {}  # track -> its first and its last frame
        self._forgot = 0  # the frame at which those that are gone were dropped
        self._waiting: deque[tuple[int, bool]] = deque()  # frames that have not come back, and whether they are wanted
        self._last: tuple[int, Judged] | None = None  # the slot that was judged last

    def push(self, sight: Sight) -> list[Judged]:
        """The frames that are old enough now."""
        self._waiting.extend((view.frame, view.wanted) for view in sight.views)
        done = []
        for frame, boxes in self._tracks(sight):
            self._take(frame, boxes)
            done += self._due(frame - self._wait)
        return done + (self._due(None) if sight.last else [])

    def _take(self, frame: int, boxes: np.ndarray) -> None:
        self._boxes.append((frame, boxes))
        for track in boxes[:, 0].astype(int).tolist():
            self._spans[track] = (self._spans.get(track, (frame,))[0], frame)
        kept = frame - self._wait - self._reach - self._pace
        while self._boxes[0][0] < kept:
            self._boxes.popleft()
        if frame - self._forgot > self._reach:
            self._spans = {track: span for track, span in self._spans.items() if span[1] >= kept}
            self._forgot = frame

    def _due(self, until: int | None) -> list[Judged]:
        """The waiting frames up to ``until``, all of them for None."""
        done = []
        while self._waiting and (until is None or self._waiting[0][0] <= until):
            frame, wanted = self._waiting.popleft()
            slot = frame // self._pace
            if self._last is None or self._last[0] != slot:
                # Judged where any frame of its slot is wanted; they have all been pushed by now.
                if not wanted and not any(one for at, one in self._waiting if at // self._pace == slot):
                    continue
                self._last = (slot, self._judge(frame))
            if wanted:
                done.append(self._last[1]._replace(frame=frame))
        return done

    def _judge(self, due: int) -> Judged:
        table = self._table(due)
        now, camera = np.array([due]), self._camera
        clip = Clip(
            camera.name,
            camera.scene,
            "test",
            camera.fps,
            now,
            np.zeros(1, np.int8),
            now,
            tracks=table,
            size=camera.size,
        )
        scores, maps = self._detector.score(clip)
        return Judged(due, scores[0], None if maps is None else maps[0])

    def _table(self, due: int) -> pd.DataFrame:
        """The boxes around ``due`` of the tracks that have lasted long enough so far."""
        begin, end = due - self._reach, due + self._wait
        seen = [(frame, boxes) for frame, boxes in self._boxes if begin <= frame <= end]
        boxes = np.concatenate([np.empty((0, 5)), *(own for _, own in seen)])
        numbers = np.repeat([frame for frame, _ in seen], [len(own) for _, own in seen]).astype(np.int64)
        lasting = np.array([self._lasts(int(track)) for track in boxes[:, 0]], bool)
        table = pd.DataFrame(boxes[lasting], columns=["track", *BOX])
        table.insert(0, "frame", numbers[lasting])
        return table

    def _lasts(self, track: int) -> bool:
        first, last = self._spans[track]
        return last - first + 1 >= self._tracks.least
