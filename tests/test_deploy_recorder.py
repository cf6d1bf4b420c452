"""Clips of alarms out of the ring of packets."""

import av
import numpy as np
import pytest

from tests import flashes
from vad.deploy.recorder import Recorder, Ring
from vad.deploy.sources import files
from vad.deploy.sources.address import Source
from vad.deploy.sources.media import Opened, Packet


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """Twelve seconds at 25 frames per second, a key frame each second, white in the seventh."""
    path = flashes.video(tmp_path_factory.mktemp("video") / "yard.mp4", 12, [(6, 7)])
    return [item for item in files.read(Source("yard", "file", str(path))) if isinstance(item, Opened | Packet)]


def frames(path):
    """(seconds from the first, white) of each frame."""
    with av.open(str(path)) as container:
        decoded = [(frame.time, frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    return [(time - decoded[0][0], image[10, -10] > 200) for time, image in decoded]


def feed(recorder, items, begin_at, end_at):
    """Play ``items``; the alarm of second 6 to 7 is told at ``begin_at`` and its end at ``end_at``."""
    path = None
    for item in items:
        if isinstance(item, Opened):
            recorder.opened(item)
            continue
        recorder.packet(item)
        if path is None and item.seconds >= begin_at:
            path = recorder.begin("yard-6000", 6.0)
        if item.seconds >= end_at:
            recorder.end("yard-6000", 7.0)
    recorder.close()
    return path


def test_a_clip_holds_the_seconds_before_and_after(items, tmp_path):
    path = feed(Recorder(tmp_path, before=2.5, after=1.5), items, begin_at=6.8, end_at=8.4)
    shown = frames(path)
    assert np.diff([time for time, _ in shown]) == pytest.approx(1 / 25, abs=1e-3)
    white = [time for time, bright in shown if bright]
    assert white[0] == pytest.approx(3.0)  # the key frame at second 3 is the last before 6 - 2.5
    assert len(white) == 25
    assert shown[-1][0] == pytest.approx(5.5, abs=0.2)  # 7 + 1.5 seconds
    assert not list(tmp_path.glob(".*"))


def test_a_new_connection_ends_the_clip(items, tmp_path):
    recorder = Recorder(tmp_path, before=2, after=2)
    packets = [item for item in items if isinstance(item, Packet)]
    recorder.opened(next(item for item in items if isinstance(item, Opened)))
    for packet in packets[:170]:
        recorder.packet(packet)
    path = recorder.begin("yard-6000", 6.0)
    recorder.connected()
    assert frames(path)[-1][0] > 1
    assert recorder.begin("next", 7.0) is None  # nothing is known of the new connection


def test_the_ring_is_bounded_in_seconds_and_bytes(items):
    packets = [item for item in items if isinstance(item, Packet)]
    ring = Ring(seconds=2.5)
    for packet in packets:
        ring.add(packet)
        assert len(ring) <= 25 * 4 + 5
    assert ring.since(9.0)[0].key
    assert ring.since(9.5)[0].seconds == pytest.approx(9.0, abs=0.1)
    assert ring.since(0.0)[0].seconds == pytest.approx(9.0, abs=0.1)
    small = Ring(seconds=1e9, most_bytes=20_000)
    for packet in packets * 3:
        small.add(packet)
        assert small.bytes <= 20_000
        assert small.bytes == sum(len(kept.data) for kept in small.since(-1.0))
    assert len(small) > 10


def test_an_alarm_without_end_gives_a_clip_of_bounded_length(items, tmp_path):
    recorder = Recorder(tmp_path, before=1, after=1, longest=3)
    path = feed(recorder, items, begin_at=6.5, end_at=1e9)
    assert frames(path)[-1][0] < 5.2


def test_a_full_disk_costs_the_clip_alone(items, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    path = feed(Recorder(tmp_path / "file", before=1, after=1), items, begin_at=6.5, end_at=7.5)
    assert path is None
    assert "no clip" in caplog.text
