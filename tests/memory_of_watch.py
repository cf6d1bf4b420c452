"""Memory of a watch over many frames: python -m tests.memory_of_watch [FRAMES] [BUNDLE SCENE FILE].

A camera's session with everything that keeps something (ring of packets, clips, thumbnails, tables, figures, alarms),
fed with packets and frames of a file over and over, as fast as it goes. Without a bundle, a scorer of brightness and
a flash every ten seconds. Prints resident memory after 5,000 frames and at the end.
"""

import itertools
import os
import sys
import tempfile
from pathlib import Path

import psutil

from tests.flashes import FlashBundle, video
from vad.deploy.recorder import Recorder
from vad.deploy.session import Keeping, Session
from vad.deploy.settings import Settings
from vad.deploy.sinks.lines import Lines
from vad.deploy.sinks.prometheus import Prometheus
from vad.deploy.sinks.sink import Sinks
from vad.deploy.sinks.tables import Tables
from vad.deploy.sources import files
from vad.deploy.sources.address import Source
from vad.deploy.sources.media import Frame, Opened, Packet

FIRST = 5000


def main(frames: int = 100_000, folder: str = "", scene: str = "01", file: str = "") -> None:
    process, seen = psutil.Process(), {}
    with tempfile.TemporaryDirectory() as place, open(os.devnull, "w") as nowhere:
        out = Path(place)
        path = file or str(video(out / "yard.mp4", 10, [(4, 6)]))
        if folder:
            from vad.deploy import bundle

            made = bundle.load(folder)
        else:
            made = FlashBundle()
        sinks = Sinks([Lines(nowhere, scores=True), Tables(out, scores=True), Prometheus(0)])
        sinks.camera("gate", list(made.thresholds))
        clips = Recorder(out / "clips", 5, 5)
        session = Session("gate", made, Settings(scene=scene), sinks, 0.0, Keeping(clips, out / "thumbnails"))
        for number, item in enumerate(again_and_again(path)):
            if isinstance(item, Packet):
                clips.packet(item)
            elif isinstance(item, Opened):
                session.opened(item)
            else:
                session.frame(item)
                if (done := item.number + 1) in (FIRST, frames // 2, frames):
                    seen[done] = process.memory_info().rss / 2**20
                    print(f"{done} frames: {seen[done]:.1f} MiB, {session.begun} alarms", flush=True)
                if done >= frames:
                    break
            if number % 1000 == 0:
                for kept in itertools.chain(out.glob("clips/*.mp4"), out.glob("thumbnails/*")):
                    kept.unlink()
        session.close()
    print(f"{seen[frames] / seen[FIRST] - 1:+.2%} from {FIRST} to {frames} frames")


def again_and_again(path: str):
    """The file's items, over and over, on one clock."""
    shift = number = 0
    told = False
    while True:
        last = 0.0
        for item in files.read(Source("gate", "file", path)):
            if isinstance(item, Opened):
                if not told:
                    yield item
                told = True
            elif isinstance(item, Packet):
                ticks = round(shift / item.base)
                yield Packet(item.seconds + shift, item.data, item.key, item.pts + ticks, item.dts + ticks,
                             item.duration, item.base)  # fmt: skip
            else:
                last = item.seconds
                yield Frame(number, item.seconds + shift, item.image, item.arrived)
                number += 1
        shift += last + 0.04


if __name__ == "__main__":
    main(*(int(value) if place == 0 else value for place, value in enumerate(sys.argv[1:])))
