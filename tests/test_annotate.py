"""Annotated videos of a made-up run."""

from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import yaml

from stages import annotate_videos
from tests import example_run
from vad.data.frames import Clip
from vad.pipeline.errors import UserError
from vad.visualization import annotate

SECTION = {
    "clips": 1, "detector": "fusion", "maps": "padim", "width": 200, "crf": 28, "opacity": 0.7, "peak_distance": 1.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    example_run.build(root, ["padim", "fusion"], test_clips=2, frames=40)
    (root / "params.yaml").write_text(yaml.safe_dump({"annotate": SECTION}))
    return root


def decode(path: Path) -> tuple[av.VideoStream, list[np.ndarray]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return (
            stream.codec_context.name,
            stream.pix_fmt,
            [f.to_ndarray(format="rgb24") for f in container.decode(stream)],
        )


def test_stage_makes_a_video_that_browsers_play(run, monkeypatch) -> None:
    monkeypatch.chdir(run)
    monkeypatch.setattr("sys.argv", ["annotate_videos"])
    annotate_videos.main()
    (path,) = Path("data/videos").iterdir()
    codec, pixels, frames = decode(path)
    assert (codec, pixels, len(frames)) == ("h264", "yuv420p", 40)
    assert frames[0].shape[1] == 200
    content = path.read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat"), "the index lies in front"
    annotate_videos.main()
    assert path.read_bytes() == content


def test_the_same_pictures_are_the_same_bytes_whatever_lay_in_memory_before(tmp_path) -> None:
    random = np.random.default_rng(0)
    images = [np.tile(np.linspace(90, 170, 200, dtype=np.uint8)[:, None], (248, 1, 3)) for _ in range(40)]
    for place, image in enumerate(images):
        image[60:100, 3 * place : 3 * place + 14] = 200
    contents = set()
    for _ in range(8):
        rubbish = [random.integers(0, 256, int(size), dtype=np.uint8) for size in random.integers(1000, 400_000, 60)]
        del rubbish
        annotate.write(iter(images), tmp_path / "a.mp4", 25.0, 28)
        contents.add((tmp_path / "a.mp4").read_bytes())
    assert len(contents) == 1


def test_alarm_reddens_the_border_and_the_cursor_moves(run, monkeypatch) -> None:
    monkeypatch.chdir(run)
    monkeypatch.setattr(
        "sys.argv", ["annotate_videos", "--clip", "01_0001", "--detector", "padim", "--out", "one/a.mp4"]
    )
    annotate_videos.main()
    frames = decode(Path("one/a.mp4"))[2]
    fused = (
        pd.read_parquet("data/fused.parquet").query("detector == 'padim' and clip == '01_0001'").sort_values("frame")
    )
    alarm = fused["calibrated"].to_numpy() >= 0.95
    assert 0 < alarm.sum() < len(alarm)
    corner = np.array([frame[annotate.HEADER + 2, 100] for frame in frames], float)
    assert ((np.abs(corner - annotate.ALARM).max(axis=1) < 40) == alarm).all()
    dark = [int((frame[-annotate.STRIP + 4 : -4].sum(axis=2) < 250).sum(axis=0).argmax()) for frame in frames]
    assert dark[0] < 10
    assert dark[-1] > 190


def test_wrong_names_are_answered_with_the_right_ones(run, monkeypatch) -> None:
    monkeypatch.chdir(run)
    monkeypatch.setattr("sys.argv", ["annotate_videos", "--clip", "nope"])
    with pytest.raises(UserError, match="no scored test clip 'nope'; choose from 01_0001, 02_0002"):
        annotate_videos.main()
    monkeypatch.setattr("sys.argv", ["annotate_videos", "--clip", "01_0001", "--detector", "nope"])
    with pytest.raises(UserError, match="'nope' left no scores; choose from padim, fusion"):
        annotate_videos.main()


def test_most_telling_clips_have_the_highest_peaks() -> None:
    table = pd.DataFrame({"clip": ["a", "a", "b", "c"], "shown": [1.0, 5.0, 2.0, 3.0]})
    assert annotate.telling(table, 2) == ["a", "c"]


def test_without_pixels_the_tracks_are_drawn() -> None:
    frames = np.array([0, 1])
    tracks = pd.DataFrame({"frame": [1], "track": [7], "x1": [10.0], "y1": [10.0], "x2": [40.0], "y2": [60.0]})
    clip = Clip("a", "01", "test", 25.0, frames, np.zeros(2, np.int8), frames, tracks=tracks, size=(100, 80))
    rows = pd.DataFrame({"frame": frames, "label": 0, "shown": [0.0, 1.0], "level": np.nan, "alarm": False})
    story = annotate.Story(rows, "Tracks", {}, (0, 1), pd.DataFrame(columns=["first_frame", "last_frame", "type"]))
    params = annotate.Params(**SECTION)
    empty, drawn = (page[annotate.HEADER : annotate.HEADER + 160] for page in annotate.pictures(clip, story, params))
    changed = np.argwhere((empty != drawn).any(axis=2))
    assert changed.min(axis=0) == pytest.approx([20, 20], abs=2), "at twice the stored size"
    assert changed.max(axis=0) == pytest.approx([120, 80], abs=2)
