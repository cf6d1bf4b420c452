"""The data that a run saw, counted: clips by split and scene, sampled frames by role, corrupted frames by problem."""

import pandas as pd

from vad.report.latex import NONE

MOST_SCENES = 20  # listed one by one


def dataset(manifest: pd.DataFrame) -> dict:
    """Clips by split and scene.

    Returns:
        ``rows`` by split and scene with a total each: split, scene, clips, frames, abnormal, seconds, size; the totals
        again as ``train`` and ``test``.
    """
    rows, totals = [], {}
    for split in ("train", "test"):
        part = manifest[manifest["split"] == split]
        scenes = list(part.groupby("scene", sort=True))
        totals[split] = _counted(split, "all", part)
        rows += [_counted(split, scene, clips) for scene, clips in scenes] if len(scenes) <= MOST_SCENES else []
        rows += [totals[split]] if len(scenes) > 1 else []
    return {"rows": rows, **totals}


def roles(sample: pd.DataFrame) -> list[dict]:
    """The sample's roles: role, label, wanted (None: all that there are), drawn."""
    return [{key: None if pd.isna(own) else own for key, own in row.items()} for row in sample.to_dict("records")]


def quality(found: pd.DataFrame) -> list[dict]:
    """Corrupted frames by problem and action: problem, action, frames, clips."""
    if found.empty:
        return []
    groups = found.groupby(["problem", "action"], as_index=False)
    return groups.agg(frames=("frame", "size"), clips=("clip", "nunique")).to_dict("records")


def _counted(split: str, scene: str, clips: pd.DataFrame) -> dict:
    sizes = clips.groupby(["width", "height"]).size()
    return {
        "split": split,
        "scene": scene,
        "clips": len(clips),
        "frames": int(clips["frames"].sum()),
        "abnormal": int(clips["abnormal_frames"].sum()),
        "seconds": float((clips["frames"] / clips["fps"]).sum()),
        "size": f"{sizes.idxmax()[0]:.0f} \u00d7 {sizes.idxmax()[1]:.0f}" if len(sizes) else NONE,
    }
