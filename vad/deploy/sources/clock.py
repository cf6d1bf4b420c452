"""One clock per source out of the time stamps that a stream carries, or does not."""

BACK = 0.5  # seconds by which a stamp may go back: more is another beginning
SLACK = 10.0  # seconds by which stamps may run off the wall's clock: HTTP streams come in segments of several
TICK = 0.001


class Clock:
    """Turns a connection's time stamps into ascending seconds that stay near the wall's clock.

    A stamp is the camera's own and steady; arrival is late by the network's whims. So the first stamp is tied to its
    arrival and the others follow it, until they run off by more than ``SLACK`` (a camera that sets its clock, a stamp
    that wraps round) or go back by more than ``BACK`` (a server that begins again): then they are tied anew. A frame
    without a stamp counts from its arrival.
    """

    def __init__(self, slack: float = SLACK) -> None:
        self._slack = slack
        self._offset: float | None = None
        self._last = float("-inf")

    def place(self, stamp: float | None, now: float) -> float:
        """Seconds of a packet; packets may come out of order (B-frames)."""
        if stamp is None:
            return now
        if self._offset is None or abs(stamp + self._offset - now) > self._slack:
            self._offset = now - stamp
        return stamp + self._offset

    def ascend(self, stamp: float | None, now: float) -> float:
        """Seconds of a frame: as :meth:`place`, and always later than the frame before."""
        if stamp is not None and self._offset is not None and stamp + self._offset < self._last - BACK:
            self._offset = max(now, self._last + TICK) - stamp
        self._last = max(self.place(stamp, now), self._last + TICK)
        return self._last
