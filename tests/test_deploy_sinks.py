"""Sinks: what arrives at a real HTTP receiver, a real MQTT broker, Prometheus' endpoint and in files."""

import csv
import itertools
import json
import os
import time
import urllib.request

import paho.mqtt.client as paho
import pytest

from tests.servers.running import Receiver, free_port, mqtt, needs_mqtt, wait_for
from vad.deploy.alarms import Alarm, Change
from vad.deploy.flags import Printed
from vad.deploy.sinks.chosen import chosen
from vad.deploy.sinks.lines import Lines
from vad.deploy.sinks.mqtt import Mqtt
from vad.deploy.sinks.prometheus import Prometheus
from vad.deploy.sinks.sink import Health, Sink, Sinks, Told
from vad.deploy.sinks.tables import Tables
from vad.deploy.sinks.webhook import Webhook
from vad.deploy.stream import FUSION, Reading, Scored
from vad.pipeline.errors import UserError

EPOCH = 1_700_000_000.0
SCORED = Scored(7, 1.5, {"motion": Reading(3.25, 3.0, 0.9999999), FUSION: Reading(1.0, 1.0, 0.5)})


def told(number: int = 0, kind: str = "new", epoch: float | None = EPOCH) -> Told:
    start = Alarm(f"gate-{number}", "gate", "anomaly", start=1.0, peak=1.5, frame=7, detector=FUSION, score=2.0,
                  calibrated=0.999, log_odds=3.0, threshold=0.99, point=(5, 6), box=(1, 2, 9, 10))  # fmt: skip
    after = Alarm(**{**start.__dict__, "end": 4.0}) if kind == "end" else start
    return Told(Change(kind, start, after), epoch, b"\xff\xd8jpeg")


class Listener:
    """A second client of the broker: what came, (topic, payload, retained)."""

    def __init__(self, port: int, topics: str = "#") -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda c, u, m: self.messages.append((m.topic, m.payload, m.retain))
        self.client.on_connect = lambda *_: self.client.subscribe(topics, qos=2)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_for(self.client.is_connected)

    def of(self, topic: str) -> list[bytes]:
        return [payload for own, payload, _ in self.messages if own == topic]

    def states(self, topic: str) -> list[bytes]:
        """Without repetitions: a state may be told again after a connection."""
        return [payload for payload, _ in itertools.groupby(self.of(topic))]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_a_web_hook_gets_every_message_in_order_though_it_refuses_at_first():
    with Receiver(refuse=3) as receiver:
        hook = Webhook(receiver.url, {"Authorization": "Bearer x"}, pause=0.05)
        hook.alarm(told(1))
        hook.alarm(told(1, "end"))
        hook.alarm(told(2))
        hook.close()
    got = [(body["type"], body["after"]["id"]) for _, _, body in receiver.received]
    assert got == [("new", "gate-1"), ("end", "gate-1"), ("new", "gate-2")]
    path, headers, body = receiver.received[1]
    assert path == "/hook"
    assert headers["Authorization"] == "Bearer x"
    assert len({headers["Idempotency-Key"] for _, headers, _ in receiver.received}) == 3
    assert body["after"]["start_time"] == EPOCH + 1
    assert body["after"]["end_time"] == EPOCH + 4
    assert body["before"]["end_time"] is None
    assert (hook.sent, hook.lost) == (3, 0)


def test_a_web_hook_waits_for_a_receiver_that_is_not_there_and_gives_up_what_is_refused():
    dead = Webhook(f"http://127.0.0.1:{free_port()}/", pause=0.05, patience=0.3)
    started = time.monotonic()
    dead.alarm(told())
    dead.close()
    assert time.monotonic() - started < 3
    assert (dead.sent, dead.lost) == (0, 1)
    with Receiver(refuse=1, status=404) as receiver:
        hook = Webhook(receiver.url, pause=0.05)
        hook.alarm(told(1))
        hook.alarm(told(2))
        hook.close()
    assert (hook.sent, hook.lost) == (1, 1)


@needs_mqtt
def test_mqtt_tells_events_states_and_home_assistant(tmp_path):
    with mqtt(free_port(), tmp_path) as port:
        listener = Listener(port)
        sink = Mqtt(f"mqtt://127.0.0.1:{port}/yard")
        sink.camera("front gate", [FUSION])
        sink.health("front gate", Health(True, 25, 1, 0, 1))
        wait_for(lambda: listener.of("yard/available") == [b"online"])
        alarm = told().change.after
        named = Alarm(**{**alarm.__dict__, "camera": "front gate"})
        sink.alarm(Told(Change("new", named, named), EPOCH, b"jpeg"))
        sink.alarm(Told(Change("end", named, named), EPOCH, b"jpeg2"))
        wait_for(lambda: listener.states("yard/front_gate/alarm") == [b"OFF", b"ON", b"OFF"])
        sink.close()
        wait_for(lambda: len(listener.of("yard/events")) == 2)
        wait_for(lambda: listener.of("yard/available") == [b"online", b"offline"])
        listener.close()
        late = Listener(port)  # who comes later finds the retained states
        wait_for(lambda: late.of("yard/front_gate/snapshot"))
        late.close()
    events = [json.loads(payload) for payload in listener.of("yard/events")]
    assert [event["type"] for event in events] == ["new", "end"]
    assert events[0]["after"]["camera"] == "front gate"
    assert listener.states("yard/front_gate/available") == [b"online", b"offline"]
    assert late.of("yard/front_gate/snapshot") == [b"jpeg2"]
    config = json.loads(late.of("homeassistant/binary_sensor/yard_front_gate_alarm/config")[0])
    assert config["state_topic"] == "yard/front_gate/alarm"
    assert {entry["topic"] for entry in config["availability"]} == {"yard/available", "yard/front_gate/available"}
    assert len([topic for topic, _, _ in late.messages if topic.endswith("/config")]) == 4


@needs_mqtt
def test_the_broker_says_offline_when_we_vanish(tmp_path):
    with mqtt(free_port(), tmp_path) as port:
        listener = Listener(port, "vad/available")
        sink = Mqtt(f"mqtt://127.0.0.1:{port}")
        wait_for(lambda: listener.of("vad/available") == [b"online"])
        sink._client._sock_close()  # without a word, as when the process dies
        wait_for(lambda: b"offline" in listener.of("vad/available"))
        listener.close()
        sink.close()


@needs_mqtt
def test_mqtt_keeps_events_while_the_broker_is_away(tmp_path):
    port = free_port()
    sink = Mqtt(f"mqtt://127.0.0.1:{port}")
    for number in range(5):
        sink.alarm(told(number))
    with mqtt(port, tmp_path):
        listener = Listener(port, "vad/events")
        wait_for(lambda: len(listener.of("vad/events")) == 5)
        time.sleep(0.5)
        listener.close()
        sink.close()
    assert [json.loads(payload)["after"]["id"] for payload in listener.of("vad/events")] == [
        f"gate-{number}" for number in range(5)
    ]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "http://host", "mqtt://", "tcp://u:secret@host", "mqtt://u:sec/ret@host", "mqtt://[host"]
)
def test_a_wrong_broker_is_one_line_without_its_password(address):
    with pytest.raises(UserError, match="mqtt://host:1883/prefix") as caught:
        Mqtt(address)
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize("address", ["host/path", "ftp://host", "http://host:x", "https://u:secret@host/path"])
def test_a_wrong_web_hook_is_one_line_without_its_password(address):
    with pytest.raises(UserError, match="should read http://host:port/path") as caught:
        Webhook(address)
    assert "secret" not in str(caught.value)


def test_a_header_that_http_cannot_carry_costs_messages_not_the_thread(caplog):
    with Receiver() as receiver:
        hook = Webhook(receiver.url, {"Authorization": "sec\nret"})
        hook.alarm(told())
        hook.alarm(told(1))
        hook.close()
    assert hook.lost == 2
    assert "a header is not what HTTP can carry" in caplog.text
    assert "sec" not in caplog.text


def test_prometheus_serves_the_figures():
    sink = Prometheus(0)
    sink.camera("gate", [FUSION])
    for _ in range(3):
        sink.scored("gate", SCORED, EPOCH, 0.2)
    sink.alarm(told())
    sink.health("gate", Health(True, 24.5, 3, 7, 1))
    sink.health("gate", Health(True, 24.5, 3, 9, 2))
    text = urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/metrics").read().decode()
    sink.close()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values['vad_frames_total{camera="gate"}'] == "3.0"
    assert values['vad_frames_dropped_total{camera="gate"}'] == "9.0"
    assert values['vad_connections_total{camera="gate"}'] == "2.0"
    assert values['vad_alarms_total{camera="gate",kind="anomaly"}'] == "1.0"
    assert values['vad_alarms_total{camera="gate",kind="camera_down"}'] == "0.0"
    assert values['vad_alarm_on{camera="gate",kind="anomaly"}'] == "1.0"
    assert values['vad_camera_up{camera="gate"}'] == "1.0"
    assert float(values['vad_calibrated_score{camera="gate",detector="motion"}']) == pytest.approx(0.9999999)
    assert values['vad_latency_seconds_bucket{camera="gate",le="0.2"}'] == "3.0"


def test_a_port_that_is_taken_is_one_line():
    first = Prometheus(0)
    with pytest.raises(UserError, match="choose another port"):
        Prometheus(first.port)
    first.close()
    with pytest.raises(UserError, match="choose another port"):
        Prometheus(99999)


def test_files_get_lines_and_tables(tmp_path):
    sinks = Sinks([Lines(tmp_path / "out.jsonl", scores=True), Tables(tmp_path / "tables")])
    sinks.scored("gate", SCORED, None, 0.1)
    sinks.alarm(told(epoch=None))
    sinks.alarm(told(kind="end", epoch=None))
    sinks.close()
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert lines[0]["score"]["detectors"]["motion"]["calibrated"] == 0.9999999
    assert [line["alarm"]["type"] for line in lines[1:]] == ["new", "end"]
    assert "start_time" not in lines[1]["alarm"]["after"]
    with open(tmp_path / "tables" / "alarms.csv") as file:
        (alarm,) = csv.DictReader(file)
    assert (alarm["start"], alarm["end"], alarm["x1"], alarm["y2"]) == ("1.0", "4.0", "1", "10")
    with open(tmp_path / "tables" / "scores.csv") as file:
        rows = list(csv.DictReader(file))
    assert [(row["detector"], float(row["calibrated"])) for row in rows] == [("motion", 0.9999999), (FUSION, 0.5)]


def test_a_sink_that_fails_stops_nobody(caplog):
    class Broken(Sink):
        def alarm(self, told: Told) -> None:
            raise RuntimeError("no")

    class Counting(Sink):
        count = 0

        def alarm(self, told: Told) -> None:
            self.count += 1

    counting = Counting()
    sinks = Sinks([Broken(), counting])
    for number in range(5):
        sinks.alarm(told(number))
    assert counting.count == 5
    assert sinks.failures == {"Broken": 5}
    assert len(caplog.records) == 1


def test_tables_of_a_watch_go_on_after_a_restart_and_those_of_files_are_new(tmp_path):
    for number in (1, 2):
        tables = Tables(tmp_path, scores=False, append=True)
        tables.alarm(told(number, "end"))
        tables.close()
        if number == 1:
            with open(tmp_path / "alarms.csv", "a") as file:
                file.write("gate-7,gate")  # killed within a row
    with open(tmp_path / "alarms.csv") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["gate-1", "gate-7", "gate-2"]
    Tables(tmp_path, scores=False).close()
    assert len((tmp_path / "alarms.csv").read_text().splitlines()) == 1
    (tmp_path / "alarms.csv").write_text("id,when\n")
    with pytest.raises(UserError, match=r"alarms\.csv has other columns than are written now: move it away"):
        Tables(tmp_path, append=True)
    assert (tmp_path / "alarms.csv").read_text() == "id,when\n"


def test_a_watch_is_the_same_client_of_the_broker_after_a_restart(monkeypatch):
    clients = []
    monkeypatch.setattr(
        "vad.deploy.sinks.mqtt.Mqtt", lambda address, discovery, client: clients.append(client) or Sink()
    )

    def start(process: int, watched: list[str] | None, mqtt: str = "mqtt://me:a@broker/yard") -> None:
        monkeypatch.setattr(os, "getpid", lambda: process)
        sending = {"hooks": None, "headers": None, "mqtt": mqtt, "discovery": ""}
        chosen(Printed.none, None, None, False, sending, None, watched)

    start(1, ["gate", "yard"])
    start(2, ["yard", "gate"], "mqtt://me:changed@broker/yard")
    start(2, ["gate"])
    start(2, ["gate", "yard"], "mqtt://broker/other")
    start(1, None)
    start(2, None)
    assert clients[0] == clients[1]
    assert len(set(clients)) == 5
    assert all(len(client) <= 23 for client in clients)


def test_suppressed_alarms_are_counted_for_prometheus():
    sink = Prometheus(0)
    sink.camera("gate", [FUSION])
    for suppressed in (0, 2, 3):
        sink.health("gate", Health(True, 25.0, 100, 0, 1, suppressed))
    assert sink.registry.get_sample_value("vad_alarms_suppressed_total", {"camera": "gate"}) == 3
    sink.close()
