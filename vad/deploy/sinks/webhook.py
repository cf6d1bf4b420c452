"""Alarms as HTTP POSTs, in their order, each tried again until it is taken.

A thread of its own sends, so that a slow receiver delays no camera. What waits is bounded: when it is full, the oldest
message is lost, and counted. Every message carries an ``Idempotency-Key``: a receiver that answered too late to be
heard gets it again under the same key.
"""

import http.client
import json
import logging
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import deque

from vad.deploy.sinks.sink import Sink, Told
from vad.deploy.sources.address import public
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)
MOST_WAITING = 1000
FINAL = {400, 401, 403, 404, 405, 410, 413, 415, 422}  # answers that a repetition does not change


class Webhook(Sink):
    """POSTs ``{"type", "before", "after"}`` as JSON to ``url``.

    Args:
        headers: sent along, for authorisation.
        timeout: seconds for one attempt. pause, longest_pause: seconds between attempts, doubling.
        attempts: of one message, before it is lost.
        patience: seconds that closing waits for what is not sent yet.

    Raises:
        UserError: ``url`` is no address that can be POSTed to.

    Attributes:
        sent, lost: messages so far.
    """

    def __init__(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        timeout: float = 10.0,
        pause: float = 1.0,
        longest_pause: float = 60.0,
        attempts: int = 60,
        patience: float = 10.0,
    ) -> None:
        self.url, self.headers, self.timeout = _checked(url), headers or {}, timeout
        self.pause, self.longest_pause, self.attempts, self.patience = pause, longest_pause, attempts, patience
        self.sent = self.lost = 0
        self._number = 0
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._changed = threading.Condition()
        self._deadline = float("inf")  # of all sending, once closed
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def alarm(self, told: Told) -> None:
        with self._changed:
            self._number += 1
            key = f"{told.change.after.id}:{told.change.type}:{self._number}"
            self._waiting.append((key, json.dumps(told.plain()).encode()))
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                self._lose("the receiver is too slow")
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._deadline = time.monotonic() + self.patience
            self._changed.notify_all()
        self._thread.join(self.patience + self.timeout + 1)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and self._deadline == float("inf"):
                    self._changed.wait()
                if not self._waiting:
                    return
                key, body = self._waiting.popleft()
            self._deliver(key, body)

    def _deliver(self, key: str, body: bytes) -> None:
        pause = self.pause
        problem: str | None = None
        for _ in range(self.attempts):
            problem, again = self._post(key, body)
            if problem is None:
                self.sent += 1
                return
            if not again or time.monotonic() + pause > self._deadline:
                break
            log.warning("webhook: %s; next attempt in %.0f s", problem, pause)
            self._rest(pause)
            pause = min(2 * pause, self.longest_pause)
        self._lose(problem or "it was never tried")

    def _rest(self, pause: float) -> None:
        """Wait, but not past the end."""
        until = time.monotonic() + pause
        with self._changed:
            while (left := min(until, self._deadline) - time.monotonic()) > 0:
                self._changed.wait(left)

    def _post(self, key: str, body: bytes) -> tuple[str | None, bool]:
        """One attempt: what went wrong, and whether to try again."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "vad", **self.headers}
        request = urllib.request.Request(self.url, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=self.timeout):
                return None, False
        except urllib.error.HTTPError as error:
            error.close()
            return f"answered {error.code}", error.code not in FINAL
        except ValueError:  # which shows the header, perhaps a secret
            return "a header is not what HTTP can carry", False
        except (OSError, http.client.HTTPException) as error:
            return str(getattr(error, "reason", error)) or type(error).__name__, True

    def _lose(self, problem: str) -> None:
        self.lost += 1
        log.error("webhook: a message was lost (%d so far): %s", self.lost, problem)


def _checked(url: str) -> str:
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1) and not parts.username
    except ValueError:  # a port that is no number
        usable = False
    if not usable:
        raise UserError(
            f"--webhook {public(url)}: should read http://host:port/path or https://..., "
            "a password as --webhook-header 'Authorization: ...'"
        )
    return url
