"""Figures for Prometheus, on an HTTP endpoint of our own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from vad.deploy.sinks.sink import Health, Sink, Told
from vad.deploy.stream import Scored
from vad.pipeline.errors import UserError

LATENCIES = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10)  # seconds


class Prometheus(Sink):
    """Serves ``http://host:port/metrics``.

    Args:
        port: 0 for any that is free. host: the interface; this machine alone by default.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self._frames = Counter("vad_frames", "Frames scored", ["camera"], registry=own)
        self._dropped = Counter("vad_frames_dropped", "Frames that a newer one replaced", ["camera"], registry=own)
        self._connections = Counter("vad_connections", "Times that frames began to come", ["camera"], registry=own)
        self._up = Gauge("vad_camera_up", "1 while the camera has a picture", ["camera"], registry=own)
        self._fps = Gauge("vad_frames_per_second", "Frames scored, of late", ["camera"], registry=own)
        self._latency = Histogram(
            "vad_latency_seconds", "From a frame decoded to its score", ["camera"], buckets=LATENCIES, registry=own
        )
        self._score = Gauge("vad_calibrated_score", "Calibrated score, 0 to 1", ["camera", "detector"], registry=own)
        self._alarms = Counter("vad_alarms", "Alarms begun", ["camera", "kind"], registry=own)
        self._suppressed = Counter(
            "vad_alarms_suppressed", "Alarms that the cool-down swallowed", ["camera"], registry=own
        )
        self._on = Gauge("vad_alarm_on", "1 while there is an alarm", ["camera", "kind"], registry=own)
        self._before: dict[str, Health] = {}
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=self.registry)
        except (OSError, OverflowError) as error:
            problem = getattr(error, "strerror", None) or error
            raise UserError(f"--metrics {host}:{port}: {problem}; choose another port") from None
        self.port = self._server.server_port

    def camera(self, name: str, detectors: list[str]) -> None:
        for counter in (self._frames, self._dropped, self._connections, self._suppressed):
            counter.labels(name)
        for kind in ("anomaly", "camera_down"):
            self._alarms.labels(name, kind)
            self._on.labels(name, kind)

    def scored(self, camera: str, scored: Scored, epoch: float | None, latency: float) -> None:
        self._frames.labels(camera).inc()
        self._latency.labels(camera).observe(latency)
        for name, reading in scored.readings.items():
            self._score.labels(camera, name).set(reading.calibrated)

    def alarm(self, told: Told) -> None:
        after = told.change.after
        if told.change.type == "new":
            self._alarms.labels(after.camera, after.kind).inc()
        self._on.labels(after.camera, after.kind).set(told.change.type != "end")

    def health(self, camera: str, health: Health) -> None:
        before = self._before.get(camera, Health(False, 0, 0, 0, 0))
        self._dropped.labels(camera).inc(health.dropped - before.dropped)
        self._connections.labels(camera).inc(health.connections - before.connections)
        self._suppressed.labels(camera).inc(health.suppressed - before.suppressed)
        self._up.labels(camera).set(health.up)
        self._fps.labels(camera).set(health.fps)
        self._before[camera] = health

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
