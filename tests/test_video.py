"""Video as cameras write it: every frame has its number, or the file is refused in one line."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.numbered import make, number, numbers, picture
from vad.data.decoding import read_clip
from vad.data.video import Video
from vad.pipeline.errors import UserError

SOUND = [
    ("a.avi", "mpeg4", {}),
    ("a.avi", "libx264", {}),
    ("a.avi", "mjpeg", {"pixels": "yuvj420p"}),
    ("a.mp4", "libx264", {}),
    ("a.mp4", "mpeg4", {}),
    ("a.mp4", "libx264", {"container": {"movflags": "frag_keyframe+empty_moov"}}),
    ("a.mov", "prores_ks", {"pixels": "yuv422p10le"}),
    ("a.mkv", "libx264", {}),
    ("a.mkv", "libx265", {"options": {"x265-params": "log-level=none"}}),
    ("a.mkv", "ffv1", {}),
    ("a.mkv", "libx264", {"container": {"live": "1"}}),
    ("a.webm", "libvpx", {"options": {"auto-alt-ref": "1", "lag-in-frames": "16"}}),
    ("a.webm", "libvpx-vp9", {}),
    ("a.ts", "libx264", {}),
    ("a.ts", "mpeg2video", {}),
    ("a.mpg", "mpeg2video", {}),
    ("a.wmv", "wmv2", {}),
    ("a.flv", "flv", {}),
]
INTERLACED = [
    ("a.mpg", "mpeg2video", {}),
    ("a.ts", "mpeg2video", {"pixels": "yuv422p"}),
    ("a.mp4", "libx264", {}),
    ("a.avi", "mpeg4", {}),
    ("a.avi", "dvvideo", {"size": (720, 576)}),
    ("a.mov", "prores_ks", {"pixels": "yuv422p10le"}),
]


@pytest.mark.parametrize(("name", "codec", "how"), SOUND)
def test_every_frame_of_a_sound_file_in_order(tmp_path: Path, name: str, codec: str, how: dict) -> None:
    path = make(tmp_path / name, codec, **how)
    assert numbers(path) == list(range(40))
    assert Video(path).timeline.fps == 25


@pytest.mark.parametrize(("name", "codec", "how"), INTERLACED)
def test_interlaced_frames_are_whole_and_the_same_every_time(tmp_path: Path, name: str, codec: str, how: dict) -> None:
    path = make(tmp_path / name, codec, interlaced=True, **how)
    with av.open(str(path)) as file:
        assert all(frame.interlaced_frame for frame in file.decode(video=0))
    once, twice = ([frame.pixels() for frame in read_clip(path).pictures] for _ in range(2))
    assert [number(pixels) for pixels in once] == list(range(40))
    assert all((a == b).all() for a, b in zip(once, twice, strict=True))


def test_the_comb_of_two_fields_is_gone(tmp_path: Path) -> None:
    """A bar moves on by 8 pixels from field to field: the two halves of a frame stand apart, row by row."""
    images = []
    for index in range(10):
        image = np.full((64, 128, 3), 20, np.uint8)
        for field in (0, 1):
            left = 8 * (2 * index + field) % 96
            image[field::2, left : left + 16] = 235
        images.append(image)

    def comb(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels[8:-8].astype(float), axis=0)).mean())

    path = make(tmp_path / "a.mp4", images=images, interlaced=True, options={"qp": "10"})
    with av.open(str(path)) as file:
        woven = np.mean([comb(frame.to_ndarray(format="bgr24")) for frame in file.decode(video=0)])
    assert np.mean([comb(frame.pixels()) for frame in read_clip(path).pictures]) < woven / 3


@pytest.mark.parametrize("which", [13, 20, 24])
@pytest.mark.parametrize("filled", ["zeros", "noise"])
@pytest.mark.parametrize(("name", "codec"), [("a.avi", "mpeg4"), ("a.avi", "libx264"), ("a.mp4", "libx264"),
                                             ("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.ts", "libx264"),
                                             ("a.ts", "mpeg2video"), ("a.mpg", "mpeg2video")])  # fmt: skip
def test_a_destroyed_packet_is_no_shift_of_all_that_follow(
    tmp_path: Path, name: str, codec: str, filled: str, which: int
) -> None:
    path = make(tmp_path / name, codec)
    data = bytearray(path.read_bytes())
    start, end = _place(path, data, which)
    noise = np.random.default_rng(which).integers(0, 256, end - start, dtype=np.uint8).tobytes()
    data[start:end] = bytes(end - start) if filled == "zeros" else noise
    path.write_bytes(data)
    with pytest.raises(UserError, match="is damaged") as error:
        numbers(path)
    assert "\n" not in str(error.value)


def _place(path: Path, data: bytes, which: int) -> tuple[int, int]:
    if path.suffix == ".mpg":  # its packets do not say where they are; pictures begin with a code
        starts = [at for at in range(len(data)) if data[at : at + 4] == b"\x00\x00\x01\x00"]
        return starts[which], starts[which + 1]
    with av.open(str(path)) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    start, size = places[which]
    return (start, places[which + 1][0]) if path.suffix == ".ts" else (start, start + size)


def test_sound_that_is_longer_than_the_video(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mp4", "a.avi"):
        assert numbers(make(tmp_path / name, "mpeg4", sound=4.6)) == list(range(40))


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_variable_frame_rate_is_its_mean_and_said(tmp_path: Path, name: str) -> None:
    steps = [0.04, 0.2, 0.2, 0.16] * 10
    times = np.cumsum([0, *steps])[:40].tolist()
    footage = read_clip(make(tmp_path / name, times=times))
    assert footage.fps == pytest.approx(39 / times[-1], rel=0.01)
    assert "variable frame rate" in " ".join(footage.notes)
    assert [frame.seconds for frame in footage.pictures] == pytest.approx(times, abs=0.002)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_gap_leaves_the_frame_rate_alone(tmp_path: Path, name: str) -> None:
    times = [index / 25 + (30 if index >= 15 else 0) for index in range(40)]
    footage = read_clip(make(tmp_path / name, times=times))
    assert footage.fps == pytest.approx(25, rel=0.02)
    seconds = [frame.seconds for frame in footage.pictures]
    assert [index for index in range(1, 40) if seconds[index] - seconds[index - 1] > footage.gap] == [15]


def test_a_slow_camera_is_no_interrupted_one(tmp_path: Path) -> None:
    footage = read_clip(make(tmp_path / "a.mkv", times=[5.0 * index for index in range(20)], frames=20))
    assert footage.fps == pytest.approx(0.2)
    assert footage.gap == pytest.approx(50)


def test_frames_that_an_avi_leaves_out_take_time(tmp_path: Path) -> None:
    """Its muxer writes an empty chunk for each of them."""
    times = [index / 25 + (0.4 if index >= 15 else 0) for index in range(40)]
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for index, seconds in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(index), format="bgr24")
            frame.pts, frame.time_base = round(seconds * 25), Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    footage = read_clip(path)
    seen = [(number(frame.pixels()), frame.seconds) for frame in footage.pictures]
    assert [value for value, _ in seen] == list(range(40))
    assert [seconds for _, seconds in seen] == pytest.approx(times)


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", size=(352, 576), frames=3, aspect=Fraction(24, 11))
    assert [frame.aspect for frame in read_clip(path).pictures] == pytest.approx([24 / 11] * 3)
    path = make(tmp_path / "b.mp4", size=(352, 576), frames=3, aspect=Fraction(24, 11), rotation=90)
    first = next(iter(read_clip(path).pictures))
    assert (first.size(), first.aspect) == ((576, 352), pytest.approx(11 / 24))


def test_a_turned_camera_is_shown_upright(tmp_path: Path) -> None:
    """As players do, and OpenCV; a display matrix says by how much."""
    upright = picture(0b10110010, (128, 128))
    upright[:32] = 235
    sideways = np.ascontiguousarray(np.rot90(upright, -1))
    path = make(tmp_path / "a.mp4", size=(128, 128), images=[sideways] * 3, rotation=90)
    for frame in read_clip(path).pictures:
        assert np.abs(frame.pixels().astype(int) - upright).mean() < 6


def test_a_stream_that_was_joined_while_it_ran(tmp_path: Path) -> None:
    """What comes before the first picture that stands alone cannot be seen, and nobody labelled it."""
    path = make(tmp_path / "a.ts", "mpeg2video", options={"bf": "0"})
    with av.open(str(path)) as file:
        places = [packet.pos for packet in file.demux(video=0) if packet.size]
    tables = path.read_bytes()[: places[0]]
    path.write_bytes(tables + path.read_bytes()[places[5] :])
    assert numbers(path) == list(range(12, 40))


def test_more_pixels_than_memory_should_hold(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", "ffv1", frames=1)
    data = path.read_bytes()
    assert data.count(b"\xb0\x81\x80\xba\x81\x40") == 1  # width 128, height 64
    path.write_bytes(data.replace(b"\xb0\x81\x80\xba\x81\x40", b"\xb0\x82\x7f\xff\xba\x80"))
    with pytest.raises(UserError):
        numbers(path)


def test_frames_that_the_decoder_made_up_are_marked(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", "mpeg4", size=(320, 240))
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        start, size = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size][12]
    data[start + size // 2 : start + size // 2 + 40] = bytes(range(40))
    path.write_bytes(data)
    damaged = [frame.damaged for frame in read_clip(path).pictures]
    assert damaged[12]
    assert len(damaged) == 40
