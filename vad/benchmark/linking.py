"""How well found boxes are linked to tracks, by the identities that campus-sim knows.

HOTA (Luiten et al. 2021, "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking") and IDF1 (Ristani et al.
2016), computed by the package ``trackers``, which brings the online trackers that the project's linking is compared
with. It is no dependency: with its own requirements it would bring a second OpenCV beside the headless one.
"""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import pandas as pd
from tqdm import tqdm

from vad.perception import tracking
from vad.perception.trajectories import BOX
from vad.pipeline.errors import UserError
from vad.simulation.clip import Plan, seen
from vad.simulation.video import FPS

INSTALL = "pip install --no-deps trackers supervision pydeprecate defusedxml"
SURE = 0.95  # the confidence of every box: background subtraction gives none

Linking = Callable[[pd.DataFrame], pd.DataFrame]


def identities(plans: Iterable[Plan]) -> dict[str, pd.DataFrame]:
    """Per clip who is seen where: frame, track, x1, y1, x2, y2."""
    return {
        plan.name: pd.DataFrame(
            [(frame, *row) for frame, rows in enumerate(seen(plan)) for row in rows.tolist()],
            columns=tracking.COLUMNS,
        )
        for plan in tqdm(list(plans), desc="identities", unit="clip")
    }


def linkings(params: tracking.Params) -> dict[str, Linking]:
    """The ways to link one clip's boxes: the project's own, and online trackers with the same patience.

    Raises:
        UserError: ``trackers`` is not installed.
    """
    try:
        import trackers
    except ImportError:
        raise UserError(f"the trackers that linking is compared with are not installed: {INSTALL}") from None
    patience = {"lost_track_buffer": round(params.patience_seconds * FPS), "frame_rate": float(FPS)}
    at_once = {"minimum_consecutive_frames": 1}
    online = {
        "SORT": partial(trackers.SORTTracker, **patience, **at_once),
        "ByteTrack": partial(trackers.ByteTrackTracker, **patience, **at_once),
        "OC-SORT": partial(trackers.OCSORTTracker, **patience, **at_once),
    }
    own: Linking = partial(tracking.link, fps=FPS, params=params)
    return {"link_tracks": own} | {name: partial(_by, make, params) for name, make in online.items()}


def _by(make: Callable, params: tracking.Params, boxes: pd.DataFrame) -> pd.DataFrame:
    """Boxes through an online tracker; tracks shorter than ``least_seconds`` are dropped, as linking drops them."""
    import supervision

    tracker, rows = make(), []
    places = {int(frame): own[BOX].to_numpy(np.float32) for frame, own in boxes.groupby("frame")}
    for frame in range(max(places, default=-1) + 1):
        found = places.get(frame, np.zeros((0, 4), np.float32))
        known = tracker.update(
            supervision.Detections(
                xyxy=found, confidence=np.full(len(found), SURE, np.float32), class_id=np.zeros(len(found), int)
            )
        )
        numbers = [] if known.tracker_id is None else known.tracker_id
        rows += [(frame, int(n), *box) for n, box in zip(numbers, known.xyxy.tolist(), strict=True) if n >= 0]
    linked = pd.DataFrame(rows, columns=tracking.COLUMNS)
    spans = linked.groupby("track")["frame"].transform(lambda frames: frames.max() - frames.min() + 1)
    return linked[spans >= params.least_seconds * FPS]


def judged(truth: dict[str, pd.DataFrame], linked: dict[str, pd.DataFrame]) -> dict[str, float]:
    """HOTA, its parts for detection (DetA) and association (AssA), IDF1, and identity switches, over all clips."""
    from trackers import eval as measures

    parts: dict[str, list] = {"hota": [], "identity": [], "clear": []}
    for clip, there in truth.items():
        frames = sorted({*there["frame"], *linked[clip]["frame"]})
        people, boxes = _per_frame(there, frames)
        tracks, places = _per_frame(linked[clip], frames)
        overlaps = [
            measures.box_iou(a, b) if len(a) and len(b) else np.zeros((len(a), len(b)))
            for a, b in zip(boxes, places, strict=True)
        ]
        parts["hota"].append(measures.compute_hota_metrics(people, tracks, overlaps))
        parts["identity"].append(measures.compute_identity_metrics(people, tracks, overlaps))
        parts["clear"].append(measures.compute_clear_metrics(people, tracks, overlaps))
    hota = measures.aggregate_hota_metrics(parts["hota"])
    return {
        **{name: float(hota[name]) for name in ("HOTA", "DetA", "AssA")},
        "IDF1": float(measures.aggregate_identity_metrics(parts["identity"])["IDF1"]),
        "switches": float(measures.aggregate_clear_metrics(parts["clear"])["IDSW"]),
    }


def _per_frame(table: pd.DataFrame, frames: list[int]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of each frame the tracks, numbered from 0, (N,), and their boxes (N, 4)."""
    numbered = table.assign(track=pd.factorize(table["track"])[0])
    by_frame = dict(tuple(numbered.groupby("frame")))
    own = [by_frame.get(frame, numbered.iloc[:0]) for frame in frames]
    return [t["track"].to_numpy(int) for t in own], [t[BOX].to_numpy(float) for t in own]
