"""A camera's video on disk for so many minutes, its packets as they came: one file per connection."""

import time
from collections.abc import Callable
from pathlib import Path

from vad.deploy.recorder import Recorder
from vad.deploy.sources.address import Source
from vad.deploy.sources.live import Live, Patience
from vad.deploy.sources.media import Opened
from vad.pipeline.errors import UserError


def record(
    source: Source,
    seconds: float,
    folder: Path,
    patience: Patience,
    progress: Callable[[float], object] = lambda seconds: None,
    give_up: float = 300.0,
) -> list[Source]:
    """Record ``source`` until ``seconds`` of video are there; the files, in order.

    Args:
        progress: called with the seconds that came since the last call.
        give_up: seconds without a picture after which the camera is given up.

    Raises:
        UserError: what comes cannot be kept as it is, or nothing comes any more.
    """
    recorder = Recorder(folder, 0.0, 0.0, longest=float("inf"))
    names: list[str] = []
    refused: list[str] = []

    def opened(coding: Opened) -> None:
        recorder.opened(coding)
        name = f"part-{len(names)}"
        if recorder.begin(name, 0.0) is None:
            refused.append(name)
        else:
            names.append(name)

    live = Live(source, patience, on_packet=recorder.packet, on_opened=opened, on_connected=recorder.connected)
    have, last = 0.0, None
    try:
        while have < seconds and not live.finished:
            frame = live.next(0.5)
            if refused:
                raise UserError(f"{source.shown}: its video cannot be kept as it comes; record it yourself to a file")
            if frame is None:
                if time.monotonic() - live.seen > give_up:
                    problem = live.problem or ("it does not answer" if live.connections == 0 else "no frame")
                    raise UserError(
                        f"{source.shown}: no picture for {give_up:.0f} s, after {have:.0f} of {seconds:.0f} s of video "
                        f"({problem}): see to the camera, or wait longer with --give-up-seconds"
                    )
                continue
            step = frame.seconds - last if last is not None else 0.0
            have, last = have + min(step, 1.0), frame.seconds
            progress(min(step, 1.0))
    finally:
        live.close()
        recorder.close()
    return [Source(name, "file", str(folder / f"{name}.mp4")) for name in names if (folder / f"{name}.mp4").exists()]
