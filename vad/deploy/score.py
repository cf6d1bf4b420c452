"""Files and folders of pictures, one after the other, every frame of them."""

from collections.abc import Callable

import numpy as np

from vad.deploy.learning import bounded
from vad.deploy.session import NOTHING, Keeping, Session
from vad.deploy.settings import Settings
from vad.deploy.sinks.sink import Sink
from vad.deploy.sources import files
from vad.deploy.sources.address import Source
from vad.deploy.sources.media import Frame, Opened, Packet
from vad.deploy.stream import Bundle

PAIRS = 20  # of consecutive frames, that a scene is learnt from: it takes seconds, and the first score waits for it


def score(
    source: Source,
    bundle: Bundle,
    settings: Settings,
    sinks: Sink,
    keeping: Keeping = NOTHING,
    progress: Callable[[int], object] = lambda frames: None,
) -> Session:
    """Judge all of ``source``; its session, closed.

    A scene that the bundle does not know is learnt from the file itself, from frames spread over all of it.

    Args:
        progress: called with 1 for each frame.

    Raises:
        UserError: the file is no video, the bundle cannot judge it.
    """
    session = Session(source.name, bundle, settings, sinks, None, keeping, lambda: spread(source, PAIRS, settings.fps))
    try:
        for item in files.read(source, settings.fps):
            if isinstance(item, Frame):
                session.frame(item)
                progress(1)
            elif isinstance(item, Opened):
                session.opened(item)
            elif isinstance(item, Packet) and keeping.clips:
                keeping.clips.packet(item)
    finally:
        session.close()
    return session


def spread(source: Source, pairs: int, fps: float | None) -> list[np.ndarray]:
    """Pairs of frames that follow each other at ``fps``, None for all, evenly over the file: (H, W, 3) uint8 RGB."""
    return [bounded(image) for image in files.pairs(source, pairs, fps)]
