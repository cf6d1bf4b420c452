"""What a small run leaves on disk, made up: the inputs of pictures, report and annotated videos."""

import contextlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import yaml
from sklearn.metrics import average_precision_score, roc_auc_score

from vad.data.frames import ClipWriter
from vad.evaluation import answer, comparison, saying
from vad.metrics.measures import resamples
from vad.pipeline import artifacts
from vad.post_processing.calibration import by_fold

TYPES = ["bicycle", "vehicle", "running", "fall"]
DETECTORS = [
    "padim", "gradcam", "spade", "prototypes", "zeroshot", "motion", "stillness", "objects", "object_ae",
    "tracks", "weak", "stae", "fusion_mean", "fusion_max", "fusion_logistic", "fusion",
]  # fmt: skip
SIZE = (160, 120)
PARAMS = Path(__file__).parents[1] / "params.yaml"

LATE = 0.24  # seconds after its frame at which every score comes


def build(root: Path, detectors: list[str], test_clips: int = 4, frames: int = 80, extras: bool = True) -> None:
    """Write data/, metrics/ and params.yaml below ``root``.

    Args:
        detectors: those that ran; the first has maps.
        extras: also events, masks, the leak table, timings and one skipped detector.
    """
    rng = np.random.default_rng(0)
    (root / "data/frames").mkdir(parents=True)
    (root / "metrics").mkdir()
    clips = [f"0{1 + i % 2}_{i + 1:04d}" for i in range(test_clips)]
    labels = {clip: _labels(frames, i) for i, clip in enumerate(clips)}
    labels |= {"01_001": np.zeros(frames, np.int8), "02_002": np.zeros(frames, np.int8)}
    for clip, label in labels.items():
        _write_clip(root, clip, label)
    _write_tables(root, labels, extras)
    fused = pd.concat([_scores(name, place, labels, rng) for place, name in enumerate(detectors)], ignore_index=True)
    fused.to_parquet(root / "data/fused.parquet", index=False)
    tuned = {name: {"0": {"threshold": 0.95, "budget": 0.99, "scenes": {}}} for name in detectors}
    _dump(root / "data/thresholds.json", {"rule": "f1", "merge_seconds": 1, "per_scene": False, "detectors": tuned})
    _write_maps(root, detectors[0], {clip: labels[clip] for clip in clips})
    ranking = {name: _metrics(fused[fused["detector"] == name], extras) for name in detectors}
    _dump(root / "data/ranking.json", ranking)
    for name, values in ranking.items():
        _dump(root / f"metrics/{name}.json", values)
    _write_answer(root, fused, tuned, frames)
    if extras:
        _write_extras(root, detectors)


def measure(root: Path) -> None:
    """Replace a built run's made-up thresholds and metrics by what the stages themselves compute from its scores.

    The test clips are dealt to two folds, so that thresholds are cross-fitted, and the causal scores lag behind.
    """
    from stages import answer, evaluate, rank, tune_thresholds

    table = pd.read_parquet(root / "data/fused.parquet")
    folds = {clip: place % 2 for place, clip in enumerate(sorted(table.loc[table["role"] == "test", "clip"].unique()))}
    lagged = table.groupby(["detector", "clip"])["score"].transform(lambda own: own.rolling(4, min_periods=1).mean())
    table = table.assign(fold=table["clip"].map(folds).fillna(-1).astype(int), causal=lagged)
    table.to_parquet(root / "data/fused.parquet", index=False)
    parts = yaml.safe_load(PARAMS.read_text())
    parts["evaluation"] |= {"resamples": 100}
    parts["thresholds"] |= {"merge_seconds": 1}
    (root / "params.yaml").write_text(yaml.safe_dump(parts, sort_keys=False))
    with contextlib.chdir(root):
        shutil.copy("metrics/leak.json", "data/leak.json")
        late = dict.fromkeys(folds, LATE)
        artifacts.save_json("data/latency.json", {name: late for name in table["detector"].unique()})
        for stage in (tune_thresholds, rank, evaluate, answer):
            stage.main()


def _labels(frames: int, place: int) -> np.ndarray:
    label = np.zeros(frames, np.int8)
    label[frames // 3 + place : 2 * frames // 3 + place] = 1
    return label


def _position(frame: int) -> tuple[int, int]:
    return 10 + frame % 130, 60


def _write_clip(root: Path, clip: str, label: np.ndarray) -> None:
    base = np.tile(np.linspace(90, 170, SIZE[0], dtype=np.uint8), (SIZE[1], 1))
    with ClipWriter(root / f"data/frames/{clip}.zip", 90) as writer:
        for frame, abnormal in enumerate(label):
            image = np.dstack([base, base, base])
            x, y = _position(frame)
            cv2.rectangle(image, (x, y), (x + 10, y + 24), (40, 40, 200) if abnormal else (60, 60, 60), -1)
            writer.add(frame, image)


def _write_tables(root: Path, labels: dict[str, np.ndarray], extras: bool) -> None:
    rows = [
        {"clip": clip, "frame": np.arange(len(label)), "scene": clip[:2], "split": _split(clip), "label": label}
        for clip, label in labels.items()
    ]
    index = pd.concat([pd.DataFrame(row) for row in rows], ignore_index=True)
    index.to_parquet(root / "data/frames.parquet", index=False)
    manifest = index.groupby("clip", as_index=False).agg(
        scene=("scene", "first"), split=("split", "first"), frames=("frame", "size"), abnormal_frames=("label", "sum")
    )
    manifest = manifest.assign(
        fps=25.0, width=320, height=240, stored_width=SIZE[0], stored_height=SIZE[1], source="toy.avi"
    )
    manifest.to_csv(root / "data/manifest.csv", index=False)
    tracks = {"clip": str, "frame": int, "track": int, "x1": float, "y1": float, "x2": float, "y2": float}
    pd.DataFrame({name: [] for name in tracks}).astype(tracks).to_parquet(root / "data/tracks.parquet", index=False)
    test = index[index["split"] == "test"].assign(role="test", fold=0)
    train = index[index["split"] == "train"].assign(role="normal", fold=-1)
    pd.concat([train, test])[["clip", "frame", "label", "role", "fold"]].to_parquet(root / "data/sample.parquet")
    pd.DataFrame(
        [["normal", 0, 2000, len(train)], ["test", 0, None, 200], ["test", 1, None, 100]],
        columns=["role", "label", "wanted", "drawn"],
    ).to_csv(root / "data/sample.csv", index=False)
    pd.DataFrame(columns=["clip", "frame", "problem", "action"]).to_csv(root / "data/input_quality.csv", index=False)
    events = [
        {"clip": clip, "first_frame": np.flatnonzero(label)[0], "last_frame": np.flatnonzero(label)[-1], "type": kind}
        for (clip, label), kind in zip(labels.items(), TYPES * 9, strict=False)
        if label.any() and extras
    ]
    columns = ["clip", "first_frame", "last_frame", "type"]
    pd.DataFrame(events, columns=columns).to_csv(root / "data/events.csv", index=False)
    if extras:
        (root / "data/masks").mkdir()
        for clip, label in labels.items():
            if label.any():
                _write_mask(root / f"data/masks/{clip}.npz", label)


def _split(clip: str) -> str:
    return "test" if len(clip) == 7 else "train"


def _write_mask(path: Path, label: np.ndarray) -> None:
    masks = np.zeros((len(label), SIZE[1], SIZE[0]), bool)
    for frame in np.flatnonzero(label):
        x, y = _position(frame)
        masks[frame, y : y + 24, x : x + 10] = True
    np.savez(path, bits=np.packbits(masks.reshape(len(label), -1), axis=1), size=SIZE[::-1])


def _scores(name: str, place: int, labels: dict[str, np.ndarray], rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for clip, label in labels.items():
        noise = np.convolve(rng.normal(size=len(label) + 8), np.ones(9) / 3, "valid")
        score = noise + (0.6 + 0.25 * place) * label
        parts.append(
            pd.DataFrame(
                {"detector": name, "clip": clip, "frame": np.arange(len(label)), "scene": clip[:2], "label": label}
            ).assign(role="test" if _split(clip) == "test" else "calibration", fold=0, score=score)
        )
    table = pd.concat(parts, ignore_index=True).assign(smoothed=lambda t: t["score"], causal=lambda t: t["score"])
    table.loc[table["role"] == "calibration", "fold"] = -1
    return table.assign(calibrated=by_fold(table, "smoothed"))


def _write_maps(root: Path, detector: str, labels: dict[str, np.ndarray]) -> None:
    folder = root / "data/maps" / detector
    folder.mkdir(parents=True)
    for clip, label in labels.items():
        maps = np.zeros((len(label), 12, 16), np.float16)
        for frame, abnormal in enumerate(label):
            x, y = _position(frame)
            maps[frame, y // 10 : y // 10 + 3, x // 10 : x // 10 + 2] = 3 if abnormal else 1
        np.savez(folder / f"{clip}.npz", frames=np.arange(len(label)), maps=maps)


def _metrics(rows: pd.DataFrame, extras: bool) -> dict:
    rows = rows[rows["role"] == "test"]
    label, score, alarm = rows["label"], rows["smoothed"], rows["calibrated"] >= 0.95
    auc = roc_auc_score(label, score)
    values = {
        "roc_auc": auc, "roc_auc_low": auc - 0.06, "roc_auc_high": min(1, auc + 0.04), "roc_auc_macro": auc + 0.005,
        "roc_auc_macro_low": auc - 0.05, "roc_auc_macro_high": min(1, auc + 0.05),
        "average_precision": average_precision_score(label, score), "eer": 1 - auc, "roc_auc_raw": auc - 0.02,
        "roc_auc_macro_raw": auc - 0.02, "roc_auc_causal": auc - 0.01, "roc_auc_macro_causal": auc - 0.01,
        "f1": 0.8, "f1_global": 0.8, "f1_per_scene": 0.82, "precision": 0.82, "recall": 0.78,
        "tp": int((label & alarm).sum()),
        "fp": int((~label.astype(bool) & alarm).sum()), "fn": int((label.astype(bool) & ~alarm).sum()),
        "tn": int((~label.astype(bool) & ~alarm).sum()), "detection_delay_s": 0.48, "events_detected": 3,
        "events_total": 4, "alarms_per_hour": 12.5, "frames": len(rows), "clips": rows["clip"].nunique(),
        "abnormal_frames": int(label.sum()),
    }  # fmt: skip
    if extras:
        values |= {"by_event": dict.fromkeys(TYPES, auc), "pixel_roc_auc": auc - 0.05, "rbdc": 0.41, "tbdc": 0.55}
    return values


def _write_answer(root: Path, fused: pd.DataFrame, tuned: dict, frames: int) -> None:
    fps = dict.fromkeys(fused["clip"].unique(), 25.0)
    rows, events = dict(iter(fused.groupby("detector"))), pd.read_csv(root / "data/events.csv", dtype={"clip": str})
    found = answer.answer(answer.Run(rows, tuned, fps, events, 6, frames / 25, 1, True, 0.95, 100, 0))
    artifacts.save_json(root / "data/answer.json", {**found, "says": saying.sentences(found)}, digits=None)
    tests = {name: own[own["role"] == "test"] for name, own in rows.items()}
    clips = sorted(next(iter(tests.values()))["clip"].unique())
    differences = comparison.Differences.of(tests, "calibrated", clips, resamples(len(clips), 100, 0))
    for folder in ("data", "metrics"):
        artifacts.save_json(root / folder / "comparison.json", comparison.compare(differences, 0.95))


def _write_extras(root: Path, detectors: list[str]) -> None:
    leak = {}
    for name in ("prototypes", "zeroshot"):
        leak[name] = {"paper": 0.81, "paper_low": 0.76, "paper_high": 0.86, "clean": 0.64, "clean_low": 0.55}
        leak[name] |= {"clean_high": 0.72, "leak": 0.17, "leak_low": 0.1, "leak_high": 0.24}
    _dump(root / "metrics/leak.json", leak)
    if "tracks" not in detectors:
        _dump(root / "metrics/tracks.json", {"skipped": "the data set has no person tracks"})
    if "fusion" in detectors:
        members = [name for name in detectors if not name.startswith("fusion")]
        chosen = {"rule": "moved mean", "weights": dict.fromkeys(members[-2:], 0.5), "confidence": 0.25}
        one_out = dict.fromkeys(members, 0.012)
        fusion = {"detectors": members, "chosen": {"0": chosen, "1": chosen}, "leave_one_out": one_out, "skipped": {}}
        _dump(root / "data/fusion.json", fusion)
    if "zeroshot" in detectors:
        counts = {"f1": 0.6, "precision": 0.5, "recall": 0.75, "tp": 30, "fp": 30, "fn": 10, "tn": 50}
        _dump(root / "data/zeroshot/levels.json", dict.fromkeys(("frame", "segment", "video"), counts))
        won = {"prompt": ["a person riding a bicycle", "an empty walkway"], "role": "test", "label": [1, 0]}
        pd.DataFrame(won).to_csv(root / "data/zeroshot/segments.csv", index=False)
    for name in detectors:
        for stage, seconds in ((f"fit@{name}", 21.4), (f"score@{name}", 8.2)):
            record = {"stage": stage, "seconds": seconds, "peak_mib": 640, "machine": "x86_64, 2 CPUs", "frames": 480}
            _dump(root / f"data/timings/{stage}.json", record)
    pd.DataFrame({"clip": ["01_0001"], "frame": [7], "problem": ["upside_down"], "action": ["flipped"]}).to_csv(
        root / "data/input_quality.csv", index=False
    )


def _dump(path: Path, values: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2))
