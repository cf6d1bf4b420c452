"""What the commands of the command line do, once their flags are read."""

import logging
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from tqdm import tqdm

from vad.deploy import score as scoring
from vad.deploy.alarms import Rules
from vad.deploy.recorder import Recorder
from vad.deploy.recording import record
from vad.deploy.session import Keeping
from vad.deploy.settings import Settings, checked
from vad.deploy.settings import cameras as listed_in
from vad.deploy.sinks.sink import Sinks
from vad.deploy.sources import files
from vad.deploy.sources.address import Source, resolve
from vad.deploy.sources.live import Patience
from vad.deploy.stream import Bundle
from vad.deploy.watch import Options, Watch
from vad.pipeline.errors import UserError

log = logging.getLogger(__name__)
NOTED = 60.0  # seconds between two status lines where there is no terminal


def score(
    sources: list[Source],
    bundle: Bundle,
    settings: Settings,
    sinks: Sinks,
    out: Path | None,
    annotated: bool,
    around: tuple[float, float] | None,
    quiet: bool,
) -> None:
    """Score ``sources`` one after the other.

    Args:
        around: seconds before and after an alarm in its clip; None: no clips.
    """
    checked(settings, bundle)
    for source in sources:
        sinks.camera(source.name, list(bundle.thresholds))
        keeping = Keeping(
            clips=Recorder(out / "clips", *around) if out and around else None,
            thumbnails=out / "thumbnails" if out and around else None,
            annotated=out / f"{source.name}.mp4" if out and annotated else None,
        )
        total, hidden = files.count(source), True if quiet else None
        with tqdm(total=total, desc=source.name, unit=" frames", disable=hidden) as bar:
            session = scoring.score(source, bundle, settings, sinks, keeping, bar.update)
        log.info("%s: %d frames, %s", source.name, session.frames, session.counted)


def stored(texts: list[str]) -> list[Source]:
    """The files and folders that ``texts`` name.

    Raises:
        UserError: one is live.
    """
    sources = resolve(texts)
    for source in sources:
        if source.live:
            raise UserError(f"{source.shown} is live: watch it with 'vad watch'")
    return sources


def cameras(texts: list[str], file: Path | None, settings: Settings, realtime: bool) -> list[tuple[Source, Settings]]:
    """The cameras that ``texts`` and ``file`` name, each with its settings; with ``realtime`` files as well.

    Raises:
        UserError: there is none, two have one name, or one cannot be watched.
    """
    found = [(source, settings) for source in resolve(texts)] + (listed_in(file, settings) if file else [])
    if not found:
        raise UserError("name a camera to watch, or a file of them with --cameras")
    names = [source.name for source, _ in found]
    for source, _ in found:
        if names.count(source.name) > 1:
            raise UserError(f"two cameras are named '{source.name}'; give names of your own, as in 'left=rtsp://...'")
        if source.kind == "pictures":
            raise UserError(f"{source.address} is a folder of pictures: score it with 'vad score'")
        if not source.live and not realtime:
            raise UserError(f"{source.address} is a file: score it with 'vad score', or play it as live: --realtime")
    return found


def watch(found: list[tuple[Source, Settings]], bundle: Bundle, sinks: Sinks, options: Options, quiet: bool) -> None:
    """Watch until all have ended, or an interruption or a request to end (SIGTERM) comes."""
    for _, settings in found:
        checked(settings, bundle)
    watching, asked = Watch(found, bundle, sinks, options), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    watching.start()
    shown, due = not quiet and sys.stderr.isatty(), time.monotonic() + NOTED
    while not asked.is_set() and not watching.wait(1.0):
        if shown:
            print(f"\r\033[K{watching.status()[:200]}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() > due:
            due += NOTED
            log.info("%s", watching.status())
    if shown:
        print(file=sys.stderr)
    watching.stop()
    watching.wait(30)
    log.info("%s", watching.status())


def adapt(
    source: Source,
    folder: Path,
    out: Path,
    minutes: float,
    settings: Settings,
    patience: Patience,
    give_up: float,
    quiet: bool,
) -> None:
    """Adapt the bundle in ``folder`` to ``source``: a camera is recorded for so many ``minutes`` first."""
    from vad.deploy.adapt import adapt as adapted

    name, hidden, videos = settings.scene or source.name, True if quiet else None, [source]
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".recording-", dir=out.parent) as place:
        if source.live:
            with tqdm(total=round(minutes * 60), desc=f"recording {name}", unit=" s", disable=hidden) as bar:
                videos = record(source, minutes * 60, Path(place), patience, bar.update, give_up)
        total = sum(files.count(video) or 0 for video in videos)
        rules = Rules(threshold=0.5, **settings.model_dump(include=set(Rules.model_fields) - {"threshold"}))
        with tqdm(total=total, desc=f"adapting to {name}", unit=" frames", disable=hidden) as bar:
            facts = adapted(folder, videos, name, out, rules, settings.alarms_per_hour, bar.update, settings.fps)
    promised = f"{facts['minutes']:.1f} minutes, at most {facts['alarms_per_hour']:.3g} alarms an hour"
    log.info("%s: adapted to %s on %s", out, name, promised)


def one(text: str) -> Source:
    """The one source that ``text`` names.

    Raises:
        UserError: it names several.
    """
    found = resolve([text])
    if len(found) > 1:
        raise UserError(f"{text} names {len(found)} sources: adapt a bundle to one camera at a time")
    return found[0]
