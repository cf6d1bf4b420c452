import numpy as np
import pandas as pd
import pytest

from tests.test_weak import PARAMS
from vad.benchmark import weak_split
from vad.data import weak_labels
from vad.detectors.weak import from_tracks


def walk(speed: float, track: int = 1, frames: int = 60, height: float = 50.0) -> pd.DataFrame:
    """A person ``height`` pixels tall who moves ``speed`` heights a second at 24 frames per second."""
    x = 100 + np.arange(frames) * speed * height / 24
    return pd.DataFrame(
        {"frame": np.arange(frames), "track": track, "x1": x, "y1": 200.0, "x2": x + 20, "y2": 200.0 + height}
    )


def test_speed_is_in_body_heights_per_second():
    table = from_tracks.described(pd.concat([walk(1.5, 1), walk(0.0, 2)]), 24.0, 8)
    assert sorted(set(table["frame"])) == list(range(0, 60, 8))
    middle = table[table["frame"] == 24].sort_values("speed")
    assert middle["speed"].tolist() == pytest.approx([0.0, 1.5], abs=0.02)
    line = from_tracks.typical([table, table.assign(y2=table["y2"] + 50, height=table["height"] + 20)])
    assert from_tracks.relative(table, line)["height"].tolist() == pytest.approx([1.0] * len(table), abs=1e-6)


def test_short_tracks_and_empty_clips_are_no_regions():
    assert len(from_tracks.described(walk(1.0, frames=4), 24.0, 1)) == 0
    assert len(from_tracks.described(walk(1.0)[:0], 24.0, 1)) == 0


def test_runners_are_found_from_clip_labels(tmp_path):
    """A tiny weak split: walkers, and in abnormal clips somebody who runs."""
    rng = np.random.default_rng(0)
    for folder in ("tracks/training", "weak_split", "testing/test_frame_mask"):
        (tmp_path / folder).mkdir(parents=True)
    train, test = [], []
    for number in range(40):
        name, label = f"01_{number:03d}", number % 2
        parts = [walk(rng.uniform(0.5, 0.9), track, height=rng.uniform(46, 54)) for track in range(4)]
        if label:
            parts.append(walk(rng.uniform(2.2, 2.8), 9)[20:50])
        boxes = pd.concat(parts).assign(state=0).round().astype(int)
        columns = ["frame", "track", "state", "x1", "y1", "x2", "y2"]
        header = "Frame_Number Person_ID State BB_tl_0 BB_tl_1 BB_br_0 BB_br_1\n"
        rows = boxes[columns].to_csv(sep=" ", index=False, header=False)
        (tmp_path / "tracks/training" / f"{name}.txt").write_text(header + rows)
        if number < 28:
            train.append(f"{name},{label}")
            continue
        test.append(f"{name},{label},-1")
        frames = np.isin(np.arange(60), np.arange(20, 50)) * label
        np.save(tmp_path / "testing/test_frame_mask" / f"{name}.npy", frames.astype(np.uint8))
    (tmp_path / "weak_split/SH_Train_new.txt").write_text("\n".join(train))
    (tmp_path / "weak_split/SH_Test_NEW.txt").write_text("\n".join(test))
    lists = weak_labels.read(tmp_path / "weak_split")
    clips = weak_split.Clips({path.stem: path for path in (tmp_path / "tracks").rglob("*.txt")}, lists)
    found = weak_split.measure(clips, PARAMS.model_copy(update={"leaf_regions": 10}), 0)
    assert found["clips"] == 12
    assert found["roc_auc"] > 0.9


def test_tracks_as_snippets_of_features():
    measures = np.array([[1.0, np.nan], [3.0, 4.0], [5.0, 6.0]])
    found = from_tracks.snippets(measures, np.array([0, 15, 33]), 16, until=70)
    assert found.shape == (5, 5)
    assert found[0].tolist() == pytest.approx([3, 4, 2, 2, np.log(3)])
    assert found[1].tolist() == found[3].tolist() == [0] * 5
    assert found[2].tolist() == pytest.approx([5, 6, 5, 6, np.log(2)])
    assert from_tracks.snippets(measures[:0], np.zeros(0, int), 16).shape == (1, 5)
