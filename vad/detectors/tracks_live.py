"""``tracks`` on a live camera: every frame judged by what the tracker has said up to a little later, and by no more.

``Detector.score`` sees a whole clip: it smooths, differentiates and averages over both sides of a frame. A camera has
no other side. Here a frame is judged, by the same code, in the clip up to ``latency`` later: its score is the one that
``Detector.score`` gives that frame in a clip that ends there.
"""

from collections import deque

import numpy as np
import pandas as pd

from vad.data.frames import Clip
from vad.detectors.tracks import Detector
from vad.perception.camera import Camera
from vad.perception.trajectories import BOX


class Live:
    """One camera's tracks, frame by frame, in memory that does not grow.

    Args:
        detector: the fitted detector; camera: what the tracks were made on; latency_seconds: by how much later than
            its frame a score comes, 0 for at once. Later scores know better what the frame's persons were about.
    """

    def __init__(self, detector: Detector, camera: Camera, latency_seconds: float) -> None:
        self._detector, self._camera = detector, camera
        self.latency = round(latency_seconds * camera.fps)
        self.past = round(detector.reach_seconds * camera.fps)
        self._seen: deque[tuple[int, np.ndarray]] = deque()

    def push(self, frame: int, boxes: np.ndarray, wanted: bool = True) -> tuple[int, float] | None:
        """The next frame's persons: frame numbers count time and come without a gap.

        Args:
            boxes: (N, 5) track, x1, y1, x2, y2 in pixels. wanted: whether the frame that is due is to be judged.

        Returns:
            The frame that is ``latency`` frames old now, and its score; None before there is one.
        """
        self._seen.append((frame, np.asarray(boxes, np.float64).reshape(-1, 5)))
        while self._seen[0][0] < frame - self.latency - self.past:
            self._seen.popleft()
        due = frame - self.latency
        return (due, self._judge(due)) if wanted and self._seen[0][0] <= due else None

    def _judge(self, due: int) -> float:
        numbers = np.repeat([frame for frame, _ in self._seen], [len(boxes) for _, boxes in self._seen])
        table = pd.DataFrame(np.concatenate([boxes for _, boxes in self._seen]), columns=["track", *BOX])
        table.insert(0, "frame", numbers.astype(np.int64))
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
        return float(self._detector.frame_scores(clip)[0])
