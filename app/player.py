"""A video with timelines below it, in the browser: a click on a timeline jumps there without a round trip."""

import base64
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app.charts import colours
from vad.data.intervals import stretches
from vad.detectors.titles import title

STATIC = Path(__file__).parent / "static"
HTML = """<div class="player" tabindex="0"><video muted playsinline></video><div class="bar">
<button class="play" title="play or pause (space)">&#9654;</button>
<button class="back" title="one frame back (left arrow)">&#8249; frame</button>
<button class="forward" title="one frame on (right arrow)">frame &#8250;</button>
<button class="pace" title="how fast it plays">1 &times;</button>
<span class="now"></span><span class="event"></span></div><canvas></canvas><div class="legend"></div></div>"""


def story(rows: pd.DataFrame, detectors: list[str], fps: float, events: pd.DataFrame) -> dict:
    """The timelines of one clip as the player wants them.

    Args:
        rows: detector, frame, label, shown, level of the clip's frames (``vad.visualization.scale``).
        detectors: those that are drawn; the threshold is the first one's.
        events: first_frame, last_frame, type of the clip.
    """
    colour, lines, level = colours(detectors), [], None
    for name in detectors:
        own = rows[rows["detector"] == name]
        if not len(own):
            continue
        seconds = (own["frame"] / fps).round(3)
        lines.append({"name": title(name), "colour": colour[name], "seconds": seconds.tolist(),
                      "values": own["shown"].round(3).tolist()})  # fmt: skip
        if level is None and np.isfinite(median := own["level"].median()):
            level = round(float(median), 3)
    labels = rows.drop_duplicates("frame").sort_values("frame")
    frames = labels["frame"].to_numpy()
    step = float(np.median(np.diff(frames))) / fps if len(frames) > 1 else 1 / fps
    truth = [[frames[a] / fps, frames[b - 1] / fps + step] for a, b in stretches(labels["label"].to_numpy())]
    kinds = [
        {"begin": event.first_frame / fps, "end": (event.last_frame + 1) / fps, "type": event.type.replace("_", " ")}
        for event in events.itertuples()
    ]
    duration = float(frames[-1] / fps + step) if len(frames) else step
    return {"lines": lines, "level": level, "truth": truth, "events": kinds, "step": step, "duration": duration}


def with_video(told: dict, video: bytes | None, frames: np.ndarray, fps: float, at: float | None = None) -> dict:
    """``told`` with the video of its ``frames``, shown from second ``at`` (None: where the player stands)."""
    encoded = None if video is None else base64.b64encode(video).decode()
    first = float(frames[0] / fps) if len(frames) else 0.0
    last = float(frames[-1] / fps) if len(frames) else 0.0
    return told | {"video": encoded, "first": first, "last": last, "at": at}


@st.cache_resource
def _component():
    texts = {suffix: (STATIC / f"player.{suffix}").read_text() for suffix in ("css", "js")}
    return st.components.v2.component("vad_player", html=HTML, **texts)


def show(told: dict, key: str) -> float | None:
    """Mount the player; the second outside its video that was clicked on, or None."""
    return _component()(data=told, key=key, on_jump_change=lambda: None).jump
