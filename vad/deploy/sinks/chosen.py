"""The sinks that the command line names."""

import hashlib
import json
import os
import sys
from pathlib import Path

from vad.deploy.flags import Printed
from vad.deploy.sinks.lines import Lines
from vad.deploy.sinks.sink import Sink, Sinks
from vad.deploy.sinks.tables import Tables
from vad.pipeline.errors import UserError


def chosen(
    printed: Printed,
    json_file: Path | None,
    out: Path | None,
    scores: bool,
    sending: dict,
    metrics: str | None,
    watched: list[str] | None = None,
) -> Sinks:
    """All sinks that the flags name, as one; the libraries of those that they do not name are not loaded.

    Args:
        sending: ``hooks``, ``headers``, ``mqtt``, ``discovery``.
        watched: names of the cameras, where these are watched: their tables go on where they are.

    Raises:
        UserError: a flag's value is none.
    """
    sinks: list[Sink] = []
    if printed is not Printed.none:
        sinks.append(Lines(sys.stdout, printed in (Printed.scores, Printed.both), printed is not Printed.scores))
    if json_file:
        sinks.append(Lines(json_file, scores=False))
    if out:
        sinks.append(Tables(out, scores, append=watched is not None))
    if sending["hooks"]:
        from vad.deploy.sinks.webhook import Webhook

        sinks += [Webhook(url, _headers(sending["headers"] or [])) for url in sending["hooks"]]
    if sending["mqtt"]:
        from vad.deploy.sinks.mqtt import Mqtt

        sinks.append(Mqtt(sending["mqtt"], sending["discovery"], client=_client(watched, sending["mqtt"])))
    if metrics:
        from vad.deploy.sinks.prometheus import Prometheus

        host, _, port = metrics.rpartition(":")
        if not port.isdigit():
            raise UserError(f"--metrics {metrics}: should read PORT or HOST:PORT")
        sinks.append(Prometheus(int(port), host or "127.0.0.1"))
    return Sinks(sinks)


def _client(watched: list[str] | None, address: str) -> str:
    """Who we are to the broker: the same after a restart, so that it ends the connection that was left, last will
    included; another for other cameras, another machine, and each run over files. 23 letters: all brokers take them."""
    about = os.getpid() if watched is None else [address.rpartition("@")[2], *sorted(watched)]
    return f"vad-{hashlib.sha256(json.dumps([os.uname().nodename, about]).encode()).hexdigest()[:19]}"


def _headers(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition(":") for text in texts]
    if wrong := [number for number, (name, colon, _) in enumerate(pairs, 1) if not colon or not name.strip()]:
        raise UserError(f"--webhook-header, number {wrong[0]}: should read 'Name: value'")  # it may be a secret
    return {name.strip(): value.strip() for name, _, value in pairs}
