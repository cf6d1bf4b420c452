"""Watching: a real RTSP camera that dies and comes back, alarms at a real web hook and a real broker, none twice."""

import json
import time
from contextlib import ExitStack

import pytest

from tests.flashes import FlashBundle, video
from tests.servers.running import Receiver, free_port, mqtt, needs_mqtt, needs_rtsp, rtsp, wait_for
from tests.test_deploy_session import Heard
from tests.test_deploy_sinks import Listener
from vad.deploy.settings import Settings
from vad.deploy.sinks.mqtt import Mqtt
from vad.deploy.sinks.sink import Sinks
from vad.deploy.sinks.webhook import Webhook
from vad.deploy.sources.address import Source
from vad.deploy.sources.live import Patience
from vad.deploy.watch import Options, Watch

SETTINGS = Settings(scene="01", least_seconds=0.2, merge_seconds=0.4, gap_seconds=1.0)
HASTE = Patience(open=5, read=3, pause=0.1, longest_pause=0.3)
RESTARTS = 10


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return video(tmp_path_factory.mktemp("video") / "yard.mp4", 20, [(0.6, 1.4)])


@needs_rtsp
@needs_mqtt
def test_ten_restarts_of_the_server_lose_no_alarm_and_repeat_none(clip, tmp_path):
    port, source = free_port(), None
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(refuse=2))
        broker = stack.enter_context(mqtt(free_port(), tmp_path))
        listener = Listener(broker, "vad/events")
        sinks = Sinks([Webhook(receiver.url, pause=0.05), Mqtt(f"mqtt://127.0.0.1:{broker}")])
        source = Source("gate", "stream", f"rtsp://127.0.0.1:{port}/camera")
        watch = Watch([(source, SETTINGS)], FlashBundle(), sinks, Options(HASTE, down_seconds=60, folder=tmp_path))
        watch.start()
        (camera,) = watch.cameras

        def ended():
            return [body["after"]["id"] for _, _, body in list(receiver.received) if body["type"] == "end"]

        for restart in range(RESTARTS):
            with rtsp(clip, port):
                wait_for(lambda restart=restart: len(ended()) > restart, 20)
            wait_for(lambda: camera.live.problem is not None)
        watch.stop()
        assert watch.wait(10)
        sinks.close()
        wait_for(lambda: len(listener.of("vad/events")) >= 2 * RESTARTS)
        time.sleep(0.3)
        listener.close()
    for messages in ([body for _, _, body in receiver.received], map(json.loads, listener.of("vad/events"))):
        messages = list(messages)
        for kind in ("new", "end"):
            names = [message["after"]["id"] for message in messages if message["type"] == kind]
            assert len(names) == len(set(names)) == RESTARTS
        assert not [message for message in messages if message["type"] not in ("new", "end")]
    assert camera.live.connections == RESTARTS
    assert camera.failures == 0
    assert len(list((tmp_path / "clips").glob("*.mp4"))) == RESTARTS


@needs_rtsp
def test_a_camera_without_a_picture_is_down_until_it_has_one(clip):
    heard, port = Heard(), free_port()
    source = Source("gate", "stream", f"rtsp://127.0.0.1:{port}/camera")
    watch = Watch([(source, SETTINGS)], FlashBundle(), heard, Options(HASTE, down_seconds=0.5))
    watch.start()
    wait_for(lambda: len(heard.told) == 1)
    assert "DOWN" in watch.status()
    with rtsp(clip, port):
        wait_for(lambda: len(heard.told) >= 2)
        assert watch.cameras[0].down is None
        watch.stop()
        assert watch.wait(10)
    down, up = (told.change for told in heard.told[:2])
    assert (down.type, up.type) == ("new", "end")
    assert down.after.kind == up.after.kind == "camera_down"
    assert down.after.id == up.after.id
    assert up.after.end > up.after.start


def test_several_cameras_in_one_process_and_one_that_fails(clip, caplog):
    class Fragile(FlashBundle):
        def open(self, camera, sample=None):
            scorer = super().open(camera)
            if camera.name == "bad":
                scorer.push = lambda image, seconds: 1 / 0
            return scorer

    heard = Heard()
    sources = [Source(name, "file", str(clip)) for name in ("left", "bad", "right")]
    watch = Watch([(source, SETTINGS) for source in sources], Fragile(), heard, Options(HASTE))
    watch.start()
    wait_for(lambda: len(heard.ends()) == 2)
    watch.stop()
    assert watch.wait(10)
    assert {alarm.camera for alarm in heard.ends()} == {"left", "right"}
    assert "bad: judging failed (ZeroDivisionError: division by zero)" in caplog.text
    assert "left" in watch.status()


def test_when_behind_frames_are_dropped_and_counted_and_nothing_queues(clip):
    class Slow(FlashBundle):
        def open(self, camera, sample=None):
            scorer = super().open(camera)
            push = scorer.push
            scorer.push = lambda image, seconds: time.sleep(0.2) or push(image, seconds)
            return scorer

    heard = Heard()
    watch = Watch([(Source("yard", "file", str(clip)), SETTINGS)], Slow(), heard, Options(HASTE))
    watch.start()
    wait_for(lambda: len(heard.seconds) > 10)
    live = watch.cameras[0].live
    watch.stop()
    watch.wait(10)
    assert live.dropped > 30
    assert live.decoded - live.dropped - watch.cameras[0].session.frames <= 5
    assert heard.seconds == sorted(heard.seconds)
