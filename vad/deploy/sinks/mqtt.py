"""Alarms over MQTT, in the form of Frigate's events, with Home Assistant's discovery.

Topics, under a prefix (``vad``):

    <prefix>/available           online | offline (retained; the broker says offline when we vanish)
    <prefix>/events              {"type": "new" | "update" | "end", "before": {...}, "after": {...}}
    <prefix>/<camera>/available  online | offline: whether the camera has a picture (retained)
    <prefix>/<camera>/alarm      ON | OFF (retained)
    <prefix>/<camera>/score      decimal log odds of the calibrated score, once a second
    <prefix>/<camera>/snapshot   JPEG of the last alarm's peak (retained)
"""

import json
import logging
import threading
import time
from collections import deque
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho

from vad.deploy.alarms import log_odds
from vad.deploy.sinks.home_assistant import entities, topic
from vad.deploy.sinks.sink import Health, Sink, Told
from vad.deploy.sources.address import public
from vad.deploy.stream import FUSION, Scored
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)
MOST_WAITING = 1000  # messages kept while the broker is away
EVERY = 1.0  # seconds between scores
PATIENCE = 5.0  # seconds that closing waits for what is not delivered yet


class Mqtt(Sink):
    """Publishes to a broker, for ever reconnecting.

    Args:
        address: ``mqtt[s]://[user:password@]host[:port][/prefix]``.
        discovery: Home Assistant's discovery prefix ("homeassistant"); empty for none.
        client: identifier; two watches on one broker need two.
    """

    def __init__(self, address: str, discovery: str = "homeassistant", client: str = "vad") -> None:
        try:
            parts = urlsplit(address)
            host, port, known = parts.hostname, parts.port, parts.scheme in {"mqtt", "mqtts"}
        except ValueError:  # a port that is no number
            host, port, known = None, None, False
        if not known or not host:
            wrong = f"--mqtt {public(address)}: should read mqtt://host:1883/prefix, or mqtts:// for TLS"
            raise UserError(f"{wrong}; in a password write / as %2F, # as %23, ? as %3F")
        self.prefix, self.discovery = parts.path.strip("/") or "vad", discovery
        self._cameras: list[str] = []
        self._states: dict[str, str] = {}  # retained topics that are ours to keep right
        self._due: dict[str, float] = {}
        self._lock = threading.Lock()
        self._events: deque[paho.MQTTMessageInfo] = deque(maxlen=MOST_WAITING)  # perhaps not delivered yet
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client, clean_session=False)
        if parts.username:
            self._client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if parts.scheme == "mqtts":
            self._client.tls_set()
        self._client.will_set(f"{self.prefix}/available", "offline", qos=1, retain=True)
        self._client.reconnect_delay_set(1, 30)
        self._client.max_queued_messages_set(MOST_WAITING)
        self._client.on_connect, self._client.on_disconnect = self._connected, self._disconnected
        self._client.connect_async(host, port or (8883 if parts.scheme == "mqtts" else 1883))
        self._client.loop_start()

    def camera(self, name: str, detectors: list[str]) -> None:
        with self._lock:
            self._cameras.append(name)
        if self._client.is_connected():
            self._discover(name)
        self._state(f"{topic(name)}/alarm", "OFF")

    def scored(self, camera: str, scored: Scored, epoch: float | None, latency: float) -> None:
        now = time.monotonic()
        if now < self._due.get(camera, 0) or not self._client.is_connected():
            return
        self._due[camera] = now + EVERY
        readings = scored.readings
        reading = readings[FUSION] if FUSION in readings else max(readings.values(), key=lambda own: own.calibrated)
        self._publish(f"{topic(camera)}/score", f"{log_odds(reading.calibrated):.3f}", qos=0)

    def alarm(self, told: Told) -> None:
        after = told.change.after
        with self._lock:
            while self._events and self._events[0].is_published():
                self._events.popleft()
        info = self._publish("events", json.dumps(told.plain()), qos=2)  # exactly once
        if info.rc == paho.MQTT_ERR_QUEUE_SIZE:
            log.error("MQTT: an event was lost: %d wait already", MOST_WAITING)
        else:
            self._events.append(info)
        if after.kind == "camera_down":
            return
        self._state(f"{topic(after.camera)}/alarm", "OFF" if told.change.type == "end" else "ON")
        if told.thumbnail:
            self._publish(f"{topic(after.camera)}/snapshot", told.thumbnail, qos=1, retain=True)

    def health(self, camera: str, health: Health) -> None:
        self._state(f"{topic(camera)}/available", "online" if health.up else "offline")

    def close(self) -> None:
        for camera in self._cameras:
            self._state(f"{topic(camera)}/available", "offline")
        until = time.monotonic() + PATIENCE
        last = self._publish("available", "offline", qos=1, retain=True)
        while (waiting := self._undelivered()) or (self._client.is_connected() and not last.is_published()):
            if time.monotonic() > until:
                break
            time.sleep(0.02)
        if waiting:
            log.error("MQTT: %d messages were lost: the broker is away", waiting)
        self._client.disconnect()
        self._client.loop_stop()

    def _undelivered(self) -> int:
        with self._lock:
            return sum(not info.is_published() for info in self._events)

    def _state(self, name: str, value: str) -> None:
        with self._lock:
            if self._states.get(name) == value:
                return
            self._states[name] = value
        if self._client.is_connected():  # otherwise connecting tells them all
            self._publish(name, value, qos=1, retain=True)

    def _publish(self, name: str, payload: str | bytes, qos: int, retain: bool = False) -> paho.MQTTMessageInfo:
        info = self._client.publish(f"{self.prefix}/{name}", payload, qos=qos, retain=retain)
        if info.rc == paho.MQTT_ERR_NO_CONN and qos:
            info.rc = paho.MQTT_ERR_SUCCESS  # it waits for a connection; the error would be raised when asked how it is
        return info

    def _connected(self, client, userdata, flags, reason, properties) -> None:
        if reason.is_failure:
            log.warning("MQTT: the broker refuses: %s", reason)
            return
        log.info("MQTT: connected")
        self._publish("available", "online", qos=1, retain=True)
        with self._lock:
            cameras, states = list(self._cameras), dict(self._states)
        for camera in cameras:
            self._discover(camera)
        for name, value in states.items():  # the broker may have lost them
            self._publish(name, value, qos=1, retain=True)

    def _disconnected(self, client, userdata, flags, reason, properties) -> None:
        if reason.is_failure:
            log.warning("MQTT: connection lost (%s); trying again", reason)

    def _discover(self, camera: str) -> None:
        if not self.discovery:
            return
        for component, config in entities(self.prefix, camera):
            place = f"{self.discovery}/{component}/{config['unique_id']}/config"
            self._client.publish(place, json.dumps(config), qos=1, retain=True)
