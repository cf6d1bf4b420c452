"""A video as it was judged: where the map is high, scores, threshold and alarm, written while frames come.

What is drawn of a frame knows nothing of later ones: the colour's strength follows the calibrated score against the
threshold, so ordinary frames stay as they are, and the strip below shows the last ten seconds.
"""

from collections import deque
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from vad.deploy import where
from vad.deploy.alarms import log_odds
from vad.deploy.stream import Scored
from vad.visualization.overlay import blend

HEADER, STRIP, PAST = 28, 56, 10.0  # pixels, pixels, seconds
ALARM, QUIET, LINE, INK, PAPER = (213, 94, 0), (120, 128, 136), (0, 114, 178), (40, 40, 40), (250, 250, 250)
OPACITY = 0.6
CODEC = {"preset": "veryfast", "crf": "23", "x264-params": "mbtree=0"}


class Annotated:
    """Writes ``path`` (.mp4, H.264), a picture per judged frame.

    Args:
        name: of the camera. fps: of the video. size: (width, height) of the frames; others are brought to it.
    """

    def __init__(self, path: Path, name: str, fps: float, size: tuple[int, int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.name, self.size = name, size
        self._past: deque[tuple[float, float]] = deque()  # seconds, log odds
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream(
            "libx264", rate=Fraction(fps).limit_denominator(1001), options=dict(CODEC)
        )
        self._stream.width, self._stream.height = size[0] // 2 * 2, (size[1] + HEADER + STRIP) // 2 * 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.thread_count = 1
        self._base = Fraction(1, 90000)
        self._start: float | None = None

    def add(self, image: np.ndarray, scored: Scored, detector: str, threshold: float, on: bool) -> None:
        """Draw and encode the next frame. ``on``: there is an alarm."""
        if image.shape[1::-1] != self.size:
            image = cv2.resize(image, self.size, interpolation=cv2.INTER_AREA)
        if self._start is None:
            self._start = scored.seconds
        page = self.page(image, scored, detector, threshold, on)
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(page[: self._stream.height, : self._stream.width]), format="rgb24"
        )
        frame.time_base, frame.pts = self._base, round((scored.seconds - self._start) / self._base)
        self._container.mux(self._stream.encode(frame))

    def page(self, image: np.ndarray, scored: Scored, detector: str, threshold: float, on: bool) -> np.ndarray:
        """(H + HEADER + STRIP, W, 3) uint8 RGB."""
        reading = scored.readings[detector]
        odds, level = log_odds(reading.calibrated), log_odds(threshold)
        self._past.append((scored.seconds, odds))
        while self._past[0][0] < scored.seconds - PAST:
            self._past.popleft()
        picture = image.copy()
        score_map = where.telling_map(scored, detector)
        strength = float(np.clip(odds / level, 0, 1)) if level > 0 else 1.0
        if score_map is not None and strength > 0:
            values = np.asarray(score_map, np.float32)
            low, high = float(np.nanmedian(values)), float(np.nanmax(values))
            if high > low:
                picture = blend(picture, values, (low, high), OPACITY * strength)
        if on:
            cv2.rectangle(picture, (0, 0), (self.size[0] - 1, self.size[1] - 1), ALARM, 6)
        return np.vstack([self._header(scored, detector, odds, on), picture, self._strip(scored.seconds, level)])

    def close(self) -> None:
        """Finish the file."""
        self._container.mux(self._stream.encode())
        self._container.close()

    def _header(self, scored: Scored, detector: str, odds: float, on: bool) -> np.ndarray:
        image = np.full((HEADER, self.size[0], 3), ALARM if on else PAPER, np.uint8)
        text = f"{self.name}  {scored.seconds:7.2f} s  {detector} {odds:+.2f}  {'ALARM' if on else 'quiet'}"
        ink = (255, 255, 255) if on else INK
        cv2.putText(image, text, (8, HEADER - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
        return image

    def _strip(self, now: float, level: float) -> np.ndarray:
        image = np.full((STRIP, self.size[0], 3), PAPER, np.uint8)
        values = [value for _, value in self._past]
        low, high = min([*values, 0.0]) - 0.2, max([*values, level]) + 0.2

        def at(seconds: float, value: float) -> tuple[int, int]:
            x = (seconds - now + PAST) / PAST * (self.size[0] - 1)
            return round(x), round((STRIP - 4) - (value - low) / (high - low) * (STRIP - 8))

        y = at(now, level)[1]
        for x in range(0, self.size[0], 12):
            cv2.line(image, (x, y), (x + 6, y), QUIET, 1)
        line = np.array([at(*point) for point in self._past], np.int32)
        cv2.polylines(image, [line], False, LINE, 2, cv2.LINE_AA)
        return image
