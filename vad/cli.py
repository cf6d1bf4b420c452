"""The command line: ``vad score`` for files, ``vad watch`` for cameras, ``vad adapt`` and ``vad bundle show``.

Lines of JSON go to standard output, everything meant for eyes to standard error. What is heavy is imported by the
command that needs it.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vad.deploy.flags import (
    After,
    Before,
    Broker,
    BundleFolder,
    Cameras,
    Cooldown,
    Detector,
    Discovery,
    Fps,
    Header,
    Hook,
    Hysteresis,
    Json,
    Least,
    Merge,
    Metrics,
    Names,
    Out,
    Print,
    Printed,
    Quiet,
    Scene,
    Threshold,
    alarms,
    kept,
)
from vad.pipeline.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Anomalies in video: from a bundle of fitted detectors to scores of files and alarms of cameras.",
)
bundles = typer.Typer(no_args_is_help=True, help="What a bundle holds.")
app.add_typer(bundles, name="bundle")


@app.command()
def score(
    sources: Names,
    bundle: BundleFolder,
    scene: Scene = None,
    fps: Fps = None,
    detector: Detector = None,
    threshold: Threshold = None,
    hysteresis: Hysteresis = 0.3,
    least_seconds: Least = 0.5,
    merge_seconds: Merge = 2.0,
    cooldown_seconds: Cooldown = 0.0,
    out: Out = None,
    annotated: Annotated[bool, kept(help="An annotated video of each source, as OUT/NAME.mp4.")] = False,
    clips: Annotated[bool, kept(help="A clip and a thumbnail of each alarm, in OUT.")] = False,
    before: Before = 5.0,
    after: After = 5.0,
    printed: Print = Printed.both,
    json_file: Json = None,
    webhook: Hook = None,
    webhook_header: Header = None,
    mqtt: Broker = None,
    discovery: Discovery = "homeassistant",
    quiet: Quiet = False,
) -> None:
    """Score files and folders of pictures, every frame, as fast as it goes."""
    with _one_line_errors(quiet):
        from vad.deploy.settings import from_flags
        from vad.deploy.sinks.chosen import chosen

        settings = from_flags(
            scene=scene,
            detector=detector,
            threshold=threshold,
            fps=fps,
            hysteresis=hysteresis,
            least_seconds=least_seconds,
            merge_seconds=merge_seconds,
            cooldown_seconds=cooldown_seconds,
        )
        if (annotated or clips) and out is None:
            raise UserError("--annotated and --clips need a folder: add --out FOLDER")
        sending = {"hooks": webhook, "headers": webhook_header, "mqtt": mqtt, "discovery": discovery}
        sinks = chosen(printed, json_file, out, True, sending, None)
        _score_all(sources, bundle, settings, sinks, out, annotated, (before, after) if clips else None, quiet)


def _score_all(texts, folder, settings, sinks, out, annotated, around, quiet) -> None:
    from tqdm import tqdm

    from vad.deploy import score as scoring
    from vad.deploy.recorder import Recorder
    from vad.deploy.session import Keeping
    from vad.deploy.settings import checked
    from vad.deploy.sources import files
    from vad.deploy.sources.address import resolve

    try:
        sources = resolve(texts)
        if live := [source.shown for source in sources if source.live]:
            raise UserError(f"{live[0]} is live: watch it with 'vad watch'")
        bundle = load(folder)
        checked(settings, bundle)
        for source in sources:
            sinks.camera(source.name, list(bundle.thresholds))
            keeping = Keeping(
                clips=Recorder(out / "clips", *around) if around else None,
                thumbnails=out / "thumbnails" if around else None,
                annotated=out / f"{source.name}.mp4" if annotated else None,
            )
            bar = tqdm(total=files.count(source), desc=source.name, unit=" frames", disable=True if quiet else None)
            with bar:
                session = scoring.score(source, bundle, settings, sinks, keeping, bar.update)
            _note("%s: %d frames, %d alarms", source.name, session.frames, session.begun)
    finally:
        sinks.close()


@app.command()
def watch(
    sources: Cameras = None,
    *,
    bundle: BundleFolder,
    cameras: Annotated[
        Path | None, typer.Option(help="YAML file of cameras, each with settings of its own; see docs/cameras.md.")
    ] = None,
    realtime: Annotated[bool, typer.Option("--realtime", help="Play files at their own pace, as if live.")] = False,
    scene: Scene = None,
    fps: Fps = None,
    detector: Detector = None,
    threshold: Threshold = None,
    hysteresis: Hysteresis = 0.3,
    least_seconds: Least = 0.5,
    merge_seconds: Merge = 2.0,
    cooldown_seconds: Cooldown = 0.0,
    gap_seconds: Annotated[float, alarms(help="After so long without a frame the detectors begin anew.")] = 5.0,
    down_seconds: Annotated[float, alarms(help="After so long without a frame a camera is down.")] = 15.0,
    open_seconds: Annotated[float, typer.Option(help="For a stream to open and give its first frame.")] = 15.0,
    read_seconds: Annotated[float, typer.Option(help="Without a frame, after which a reader is killed.")] = 10.0,
    longest_pause: Annotated[float, typer.Option(help="At most, in seconds, between two attempts.")] = 30.0,
    out: Out = None,
    scores: Annotated[bool, kept("--scores", help="OUT/scores.csv too, a row per frame: it grows for ever.")] = False,
    before: Before = 5.0,
    after: After = 5.0,
    printed: Print = Printed.alarms,
    json_file: Json = None,
    webhook: Hook = None,
    webhook_header: Header = None,
    mqtt: Broker = None,
    discovery: Discovery = "homeassistant",
    metrics: Metrics = None,
    quiet: Quiet = False,
) -> None:
    """Watch cameras, several in one process, until interrupted: an alarm per event, clips, messages, figures."""
    with _one_line_errors(quiet):
        from vad.deploy.settings import from_flags
        from vad.deploy.sinks.chosen import chosen
        from vad.deploy.sources.live import Patience
        from vad.deploy.watch import Options

        settings = from_flags(
            scene=scene,
            detector=detector,
            threshold=threshold,
            fps=fps,
            hysteresis=hysteresis,
            least_seconds=least_seconds,
            merge_seconds=merge_seconds,
            cooldown_seconds=cooldown_seconds,
            gap_seconds=gap_seconds,
        )
        options = Options(
            patience=Patience(open=open_seconds, read=read_seconds, longest_pause=longest_pause),
            down_seconds=down_seconds,
            folder=out,
            before=before,
            after=after,
        )
        listed = _listed(sources or [], cameras, settings, realtime)
        sending = {"hooks": webhook, "headers": webhook_header, "mqtt": mqtt, "discovery": discovery}
        sinks = chosen(printed, json_file, out, scores, sending, metrics)
        _watch_all(listed, bundle, sinks, options, quiet)


def _listed(texts: list[str], file: Path | None, settings, realtime: bool) -> list:
    from vad.deploy.settings import cameras as read_cameras
    from vad.deploy.sources.address import resolve

    listed = [(source, settings) for source in resolve(texts)] + (read_cameras(file, settings) if file else [])
    if not listed:
        raise UserError("name a camera to watch, or a file of them with --cameras")
    names = [source.name for source, _ in listed]
    for source, _ in listed:
        if names.count(source.name) > 1:
            raise UserError(f"two cameras are named '{source.name}'; give names of your own, as in 'left=rtsp://...'")
        if source.kind == "pictures":
            raise UserError(f"{source.address} is a folder of pictures: score it with 'vad score'")
        if not source.live and not realtime:
            raise UserError(f"{source.address} is a file: score it with 'vad score', or play it as live: --realtime")
    return listed


def _watch_all(listed: list, folder: Path, sinks, options, quiet: bool) -> None:
    from vad.deploy.settings import checked
    from vad.deploy.watch import Watch

    try:
        bundle = load(folder)
        for _, settings in listed:
            checked(settings, bundle)
        watching, asked = Watch(listed, bundle, sinks, options), threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: asked.set())
        watching.start()
        shown = not quiet and sys.stderr.isatty()
        while not asked.is_set() and not watching.wait(1.0):
            if shown:
                print(f"\r\033[K{watching.status()[:200]}", end="", file=sys.stderr, flush=True)
        if shown:
            print(file=sys.stderr)
        watching.stop()
        watching.wait(30)
        _note("%s", watching.status())
    finally:
        sinks.close()


@bundles.command("show")
def show(bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")]) -> None:
    """What a bundle was fitted on, what it can and what it is blind to: its card."""
    with _one_line_errors(False):
        load(bundle)  # refuses what is damaged
        card = bundle / "card.md"
        if not card.exists():
            raise UserError(f"{card} is missing: export the bundle again")
        print(card.read_text(encoding="utf-8").rstrip())


def load(folder: Path):
    """The bundle in ``folder``, checked."""
    from vad.deploy import bundle

    return bundle.load(folder)


def _note(text: str, *values: object) -> None:
    logging.getLogger("vad").info(text, *values)


@contextmanager
def _one_line_errors(quiet: bool) -> Iterator[None]:
    """What the user can mend is one line and exit code 1."""
    level = logging.DEBUG if os.environ.get("VAD_DEBUG") else logging.WARNING if quiet else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    logging.getLogger("vad").setLevel(level)
    try:
        yield
    except UserError as error:
        print(f"vad: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # whoever read our output has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        print(f"vad: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("vad: interrupted", file=sys.stderr)
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app()
