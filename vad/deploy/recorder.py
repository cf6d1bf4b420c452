"""Clips of alarms, with the seconds before them: the camera's own packets, kept in a ring and copied, never re-encoded.

The ring holds as many seconds as a clip begins early, plus the group of pictures that they lie in, as a clip can only
begin at a key frame. It is bounded in bytes as well.
"""

import io
import logging
import os
import threading
from collections import deque
from pathlib import Path

import av

from vad.deploy.sources.clock import BACK
from vad.deploy.sources.media import Opened, Packet, detached

log = logging.getLogger(__name__)
DELAY = 10.0  # seconds from an alarm's beginning to its announcement that the ring allows for


class Ring:
    """The newest packets.

    Args:
        seconds: how far back a clip may begin.
        most_bytes: above which the oldest group of pictures goes, whatever its age.
    """

    def __init__(self, seconds: float, most_bytes: int = 64 << 20) -> None:
        self.seconds, self.most_bytes, self.bytes = seconds, most_bytes, 0
        self._groups: deque[list[Packet]] = deque()  # each begins with a key frame

    def __len__(self) -> int:
        return sum(len(group) for group in self._groups)

    def add(self, packet: Packet) -> None:
        """Take the newest packet; those before the first key frame are of no use and are left out."""
        if packet.key:
            self._groups.append([packet])
        elif self._groups:
            self._groups[-1].append(packet)
        else:
            return
        self.bytes += len(packet.data)
        while len(self._groups) > 1 and self._spare(packet.seconds):
            self.bytes -= sum(len(old.data) for old in self._groups.popleft())
        if self.bytes > self.most_bytes:
            self.clear()  # one group of pictures that never ends

    def _spare(self, now: float) -> bool:
        return self._groups[1][0].seconds <= now - self.seconds or self.bytes > self.most_bytes

    def since(self, seconds: float) -> list[Packet]:
        """Packets from the last key frame at or before ``seconds`` on, else from the oldest one."""
        first = 0
        for place, group in enumerate(self._groups):
            if group[0].seconds <= seconds:
                first = place
        return [packet for group in list(self._groups)[first:] for packet in group]

    def clear(self, keep_last_group: bool = False) -> None:
        """Forget all, or all but what began with the newest key frame."""
        last = [self._groups[-1]] if keep_last_group and self._groups else []
        self._groups = deque(last)
        self.bytes = sum(len(packet.data) for group in last for packet in group)


class Clip:
    """One clip being written: ``path`` appears when it is whole."""

    def __init__(self, path: Path, header: bytes) -> None:
        self.path, self.until = path, float("inf")
        self._part = path.with_name(f".{path.name}.part")
        self._template = av.open(io.BytesIO(header))
        self._container = av.open(str(self._part), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream_from_template(self._template.streams.video[0])
        self._shift: int | None = None
        self._last = -(2**63)

    def add(self, packet: Packet) -> None:
        """Take the next packet. Decoding times must grow: where they begin again, they go on from the last one."""
        if self._shift is None:
            self._shift = packet.dts
        time = packet.dts - self._shift
        if time <= self._last:
            if (self._last - time) * packet.base < BACK:
                return  # the same packet again, or a slip
            self._shift -= self._last + max(1, packet.duration) - time
            time = self._last + max(1, packet.duration)
        self._last = time
        self._container.mux(detached(packet, self._stream, self._shift))

    def close(self) -> None:
        """Finish the file, or leave none where it holds nothing."""
        try:
            self._container.close()
            if self._shift is None:
                self._part.unlink(missing_ok=True)
            else:
                os.replace(self._part, self.path)
        finally:
            self._template.close()


class Recorder:
    """Keeps a camera's packets and writes clips. Called from the thread that reads and from that which judges.

    Args:
        folder: for the clips.
        before, after: seconds around an alarm.
        longest: seconds; an alarm that goes on has its beginning recorded.
    """

    def __init__(self, folder: Path, before: float, after: float, longest: float = 120.0) -> None:
        self.folder, self.before, self.after, self.longest = folder, before, after, longest
        self._ring = Ring(before + DELAY)
        self._header: bytes | None = None
        self._clips: dict[str, Clip] = {}
        self._lock = threading.Lock()

    def connected(self) -> None:
        """A new connection begins: its time stamps and coding are others."""
        with self._lock:
            self._cut()
            self._ring.clear()
            self._header = None

    def opened(self, opened: Opened) -> None:
        """The coding is known, or has changed."""
        with self._lock:
            if self._header is not None:
                self._cut()
                self._ring.clear(keep_last_group=True)
            self._header = opened.header

    def packet(self, packet: Packet) -> None:
        """Take the next packet."""
        with self._lock:
            self._ring.add(packet)
            for name, clip in list(self._clips.items()):
                if packet.seconds > clip.until:
                    self._finish(name)
                else:
                    self._safely(name, clip.add, packet)

    def begin(self, name: str, start: float) -> Path | None:
        """Begin the clip of an alarm that began at ``start``; its path, None where there is nothing to copy."""
        with self._lock:
            if not self._header:
                return None
            path = self.folder / f"{name}.mp4"
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                clip = Clip(path, self._header)
            except (OSError, ValueError, av.error.FFmpegError) as error:
                log.warning("%s: no clip: %s", path, error)
                return None
            clip.until = start + self.longest
            self._clips[name] = clip
            for packet in self._ring.since(start - self.before):
                if name in self._clips:
                    self._safely(name, clip.add, packet)
            return path

    def end(self, name: str, end: float) -> None:
        """Let the clip end ``after`` seconds after ``end``."""
        with self._lock:
            if (clip := self._clips.get(name)) is not None:
                clip.until = min(clip.until, end + self.after)

    def close(self) -> None:
        """Finish all clips."""
        with self._lock:
            self._cut()

    def _cut(self) -> None:
        for name in list(self._clips):
            self._finish(name)

    def _finish(self, name: str) -> None:
        clip = self._clips.pop(name)
        try:
            clip.close()
        except (OSError, ValueError, av.error.FFmpegError) as error:
            log.warning("%s: the clip was not finished: %s", clip.path, error)

    def _safely(self, name: str, action, packet: Packet) -> None:
        try:
            action(packet)
        except (OSError, ValueError, av.error.FFmpegError) as error:
            log.warning("%s: the clip ends early: %s", self._clips[name].path, error)
            self._finish(name)
