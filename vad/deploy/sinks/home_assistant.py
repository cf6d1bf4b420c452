"""What Home Assistant is told of a camera, so that its entities appear by themselves (MQTT discovery)."""

import re


def topic(camera: str) -> str:
    """A camera's name as a level of a topic."""
    return re.sub(r"[^\w.-]+", "_", camera)


def entities(prefix: str, camera: str) -> list[tuple[str, dict]]:
    """(component, configuration) of each of a camera's entities: anomaly, picture, score, last anomaly.

    Args:
        prefix: of the topics that ``vad.deploy.sinks.mqtt`` publishes.
    """
    own, slug = f"{prefix}/{topic(camera)}", re.sub(r"\W+", "_", f"{prefix}_{camera}")
    ours = {"topic": f"{prefix}/available"}
    device = {"identifiers": [slug], "name": camera, "manufacturer": "vad", "model": "video anomaly detector"}
    process = {"availability": [ours], "device": device}
    picture = {"availability": [ours, {"topic": f"{own}/available"}], "availability_mode": "all", "device": device}
    return [
        (
            "binary_sensor",
            {"name": "anomaly", "unique_id": f"{slug}_alarm", "state_topic": f"{own}/alarm", "device_class": "problem"}
            | picture,
        ),
        (
            "binary_sensor",
            {"name": "picture", "unique_id": f"{slug}_picture", "state_topic": f"{own}/available"}
            | {"payload_on": "online", "payload_off": "offline", "device_class": "connectivity"}
            | process,
        ),
        (
            "sensor",
            {"name": "anomaly score", "unique_id": f"{slug}_score", "state_topic": f"{own}/score"}
            | {"state_class": "measurement"}
            | picture,
        ),
        (
            "image",
            {"name": "last anomaly", "unique_id": f"{slug}_snapshot", "image_topic": f"{own}/snapshot"} | process,
        ),
    ]
