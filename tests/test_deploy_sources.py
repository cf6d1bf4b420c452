"""Sources: what a name means, files and folders, and live streams over a real RTSP server that fails."""

import os
import signal
import time

import cv2
import numpy as np
import pytest

from tests import flashes
from tests.servers.running import free_port, needs_rtsp, rtsp, wait_for
from vad.data.decoding import read_clip
from vad.deploy.sources import files
from vad.deploy.sources.address import Source, resolve
from vad.deploy.sources.clock import Clock
from vad.deploy.sources.live import Live, Patience
from vad.deploy.sources.media import Frame, Opened, Packet, Thinning
from vad.pipeline.errors import UserError

HASTE = Patience(open=5, read=2, pause=0.1, longest_pause=0.4)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return flashes.video(tmp_path_factory.mktemp("video") / "yard.mp4", 4, [(1, 2)])


def test_what_a_name_means(tmp_path, clip):
    (tmp_path / "stills").mkdir()
    cv2.imwrite(str(tmp_path / "stills" / "1.png"), flashes.picture(0, False))
    folder = clip.parent
    found = resolve(["3", "gate=rtsp://u:p@host:554/a/b", str(clip), str(tmp_path / "stills"), f"b={folder}/*.mp4"])
    assert [(s.name, s.kind) for s in found] == [
        ("camera3", "device"), ("gate", "stream"), ("yard", "file"), ("stills", "pictures"), ("b", "file"),
    ]  # fmt: skip
    assert resolve([str(folder)])[0] == Source("yard", "file", str(clip))
    assert resolve(["rtsp://u:p@host:554/a/b"])[0].name == "host-a-b"


def test_logs_show_no_passwords():
    shown = resolve(["http://u:secret@host/video?user=a&password=secret&x=1"])[0].shown
    assert shown == "http://host/video?user=a&password=***&x=1"
    (odd,) = resolve(["rtsp://u:a/b@c@host:554/video"])  # a password that should have been quoted
    assert (odd.shown, odd.name) == ("rtsp://host:554/video", "host-video")
    for wrong in ("rstp://u:secret@host/a", "rtsp://u:secret@[host/a"):
        with pytest.raises(UserError, match="no address of a stream") as caught:
            resolve([wrong])
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["nothing.mp4"], "check the spelling"),
        (["ftp://host/a"], "choose from"),
        (["7", "camera7=8"], "named 'camera7'"),
    ],
)
def test_a_wrong_name_is_one_line(texts, said):
    with pytest.raises(UserError, match=said) as caught:
        resolve(texts)
    assert "\n" not in str(caught.value)


def test_a_file_gives_every_frame_in_order_with_its_time_and_packets(clip):
    items = list(files.read(Source("yard", "file", str(clip))))
    opened, frames = items[1], [item for item in items if isinstance(item, Frame)]
    packets = [item for item in items if isinstance(item, Packet)]
    assert [o.size for o in items if isinstance(o, Opened)] == [(160, 96)]
    assert isinstance(items[0], Packet) or isinstance(opened, Opened)
    assert [frame.number for frame in frames] == list(range(100))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(100) / 25, atol=1e-6)
    assert np.abs(frames[30].image.astype(int) - flashes.picture(30, True)).mean() < 3
    assert sorted(packet.seconds for packet in packets) == pytest.approx([frame.seconds for frame in frames])
    assert files.count(Source("yard", "file", str(clip))) == 100


def test_a_file_gives_the_pixels_that_the_frame_store_is_made_of(clip):
    stored = [picture.pixels() for picture in read_clip(clip).pictures]
    seen = [item.image for item in files.read(Source("yard", "file", str(clip))) if isinstance(item, Frame)]
    assert len(stored) == len(seen)
    for place in (0, 30, 99):
        np.testing.assert_array_equal(seen[place], stored[place][..., ::-1])


def test_a_folder_of_pictures_is_a_clip(tmp_path):
    for number in range(12):
        cv2.imwrite(str(tmp_path / f"{number}.png"), flashes.picture(number, False)[..., ::-1])
    items = list(files.read(Source("stills", "pictures", str(tmp_path)), fps=10))
    assert items[0] == Opened(10, (160, 96), None)
    assert [frame.seconds for frame in items[1:]] == pytest.approx(np.arange(12) / 10)
    np.testing.assert_array_equal(items[11].image, flashes.picture(10, False))


def test_pairs_are_neighbours_spread_over_the_file(tmp_path):
    path = flashes.video(tmp_path / "long.mp4", 20, [])

    def at(image):  # the square's place says which frame it is
        return int(np.abs(image[50, :, 0].astype(int) - 90).argmin())

    for most, every in ((5, None), (30, 16)):  # from key frames, and between them
        images = list(files.pairs(Source("long", "file", str(path)), most))
        assert len(images) == 2 * most
        places = [at(image) for image in images]
        assert all(abs(b - a) == 2 or b == 0 for a, b in zip(places[::2], places[1::2], strict=True))
        assert len(set(places)) >= min(most, 18)  # the square comes round every 72 frames
        assert every is None or np.abs(images[-1].astype(int) - flashes.picture(465, False)).mean() < 3


def test_a_picture_that_changes_its_size_and_time_that_begins_again(tmp_path):
    parts = [flashes.video(tmp_path / f"{size[0]}.ts", 2, [], size) for size in ((160, 96), (320, 192))]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    source = Source("both", "file", str(tmp_path / "both.ts"))
    items = list(files.read(source))
    frames = [item for item in items if isinstance(item, Frame)]
    assert [item.size for item in items if isinstance(item, Opened)] == [(160, 96), (320, 192)]
    assert len(frames) > 95
    assert np.diff([frame.seconds for frame in frames]) == pytest.approx(1 / 25, abs=0.021)
    live, sizes = Live(source, HASTE, paced=True), []
    while (frame := live.next(5)) is not None:
        sizes.append(frame.image.shape[1])
    live.close()
    assert sizes == sorted(sizes)
    assert set(sizes) == {160, 320}


def test_what_is_no_video_is_one_line(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing" * 100)
    with pytest.raises(UserError, match="cannot be opened as a video"):
        list(files.read(Source("a", "file", str(tmp_path / "a.mp4"))))


def test_thinning_is_even():
    times = np.arange(250) / 25
    thinning = Thinning(10)
    kept = [t for t in times if thinning.wants(t)]
    assert len(kept) == 100
    assert np.diff(kept).max() < 0.13


def test_the_clock_follows_stamps_and_survives_their_faults():
    clock = Clock()
    assert clock.ascend(1000.0, 5.0) == 5.0
    assert clock.ascend(1000.04, 5.3) == pytest.approx(5.04)  # late arrival does not matter
    assert clock.ascend(None, 5.4) == pytest.approx(5.4)  # without a stamp
    assert clock.ascend(1000.2, 5.5) > 5.4  # never back
    assert clock.ascend(3.0, 6.0) == pytest.approx(6.0)  # the camera set its clock
    assert clock.ascend(3.04, 6.1) == pytest.approx(6.04)
    assert clock.ascend(0.0, 6.2) == pytest.approx(6.2)  # the server began its file again
    assert clock.ascend(0.04, 6.3) == pytest.approx(6.24)


@needs_rtsp
@pytest.mark.parametrize("form", ["h264", "jpeg"])
def test_a_stream_gives_frames_packets_and_its_coding(clip, form):
    packets, connected = [], []
    with rtsp(clip, free_port(), form) as address:
        live = Live(Source("gate", "stream", address), HASTE, on_packet=packets.append,
                    on_connected=lambda: connected.append(1))  # fmt: skip
        first = live.next(10)
        wait_for(lambda: live.decoded > 20)
        latest = live.next(1)
        live.close()
    assert first.image.shape == (96, 160, 3)
    assert latest.number > first.number
    assert live.dropped == live.decoded - 2 - (live.next(0.1) is not None)
    assert live.opened.size == (160, 96)
    assert live.opened.header
    assert packets[0].key
    assert connected == [1]


@needs_rtsp
def test_a_server_that_dies_is_waited_for(clip):
    port = free_port()
    source = Source("gate", "stream", f"rtsp://127.0.0.1:{port}/camera")
    live = Live(source, HASTE)  # before there is a server
    last = -1.0
    try:
        for _ in range(3):
            before = live.connections
            with rtsp(clip, port):
                wait_for(lambda before=before: live.connections > before)
                frame = live.next(5)
                assert frame.seconds > last
                last = frame.seconds
            wait_for(lambda: live.problem is not None)
        assert live.connections == 3
    finally:
        live.close()
    assert live.finished


@needs_rtsp
def test_a_reader_that_hangs_is_killed_and_replaced(clip):
    with rtsp(clip, free_port()) as address:
        live = Live(Source("gate", "stream", address), HASTE)
        try:
            assert live.next(10) is not None
            hung = live._process
            os.kill(hung.pid, signal.SIGSTOP)  # as a read that never returns
            started, frame = time.monotonic(), None
            while live.connections < 2:
                frame = live.next(0.5) or frame
                assert time.monotonic() - started < 15
            assert not hung.is_alive()
        finally:
            live.close()


def test_a_file_as_live_keeps_time_and_ends(clip):
    live = Live(Source("yard", "file", str(clip)), HASTE, paced=True)
    first = live.next(10)
    started = time.monotonic()
    frames = [first]
    while (frame := live.next(5)) is not None:
        frames.append(frame)
    took = time.monotonic() - started
    live.close()
    assert live.finished
    assert took == pytest.approx(4.0, abs=1.0)
    assert len(frames) + live.dropped == 100
    assert frames[-1].number == 99
    assert live.dropped < 50
