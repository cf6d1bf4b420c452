"""The command line: ``vad score`` for files, ``vad watch`` for cameras, ``vad adapt`` and ``vad bundle show``.

Lines of JSON go to standard output, everything meant for eyes to standard error. What is heavy is imported by the
command that needs it.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

try:
    import typer
except ModuleNotFoundError:
    sys.exit("vad: the command line is not installed: pip install 'video-anomaly-pipeline[serve]'")

from vad.deploy.flags import (
    After,
    Before,
    Broker,
    Budget,
    BundleFolder,
    CameraFile,
    Cameras,
    Cooldown,
    Detector,
    Discovery,
    Fps,
    GiveUp,
    Header,
    Hook,
    Hysteresis,
    Json,
    Least,
    Merge,
    Metrics,
    Names,
    Open,
    Out,
    Print,
    Printed,
    Quiet,
    Read,
    Scene,
    Threshold,
    alarms,
    kept,
)
from vad.pipeline import processes
from vad.pipeline.errors import UserError

processes.one_blas_thread()

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
    alarms_per_hour: Budget = None,
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
        from vad.deploy import commands
        from vad.deploy.settings import from_flags
        from vad.deploy.sinks.chosen import chosen

        settings = from_flags(
            scene=scene,
            detector=detector,
            threshold=threshold,
            alarms_per_hour=alarms_per_hour,
            fps=fps,
            hysteresis=hysteresis,
            least_seconds=least_seconds,
            merge_seconds=merge_seconds,
            cooldown_seconds=cooldown_seconds,
        )
        if (annotated or clips) and out is None:
            raise UserError("--annotated and --clips need a folder: add --out FOLDER")
        found, fitted = commands.stored(sources), load(bundle)
        sending = {"hooks": webhook, "headers": webhook_header, "mqtt": mqtt, "discovery": discovery}
        sinks = chosen(printed, json_file, out, True, sending, None)
        with closing(sinks):
            around = (before, after) if clips else None
            commands.score(found, fitted, settings, sinks, out, annotated, around, quiet)


@app.command()
def watch(
    sources: Cameras = None,
    *,
    bundle: BundleFolder,
    cameras: CameraFile = None,
    realtime: Annotated[bool, typer.Option("--realtime", help="Play files at their own pace, as if live.")] = False,
    scene: Scene = None,
    fps: Fps = None,
    detector: Detector = None,
    threshold: Threshold = None,
    alarms_per_hour: Budget = None,
    hysteresis: Hysteresis = 0.3,
    least_seconds: Least = 0.5,
    merge_seconds: Merge = 2.0,
    cooldown_seconds: Cooldown = 0.0,
    gap_seconds: Annotated[float, alarms(help="After so long without a frame the detectors begin anew.")] = 5.0,
    down_seconds: Annotated[float, alarms(help="After so long without a frame a camera is down.")] = 15.0,
    open_seconds: Open = 15.0,
    read_seconds: Read = 10.0,
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
        from vad.deploy import commands
        from vad.deploy.settings import from_flags
        from vad.deploy.sinks.chosen import chosen
        from vad.deploy.sources.live import Patience
        from vad.deploy.watch import Options

        settings = from_flags(
            scene=scene,
            detector=detector,
            threshold=threshold,
            alarms_per_hour=alarms_per_hour,
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
        found, fitted = commands.cameras(sources or [], cameras, settings, realtime), load(bundle)
        sending = {"hooks": webhook, "headers": webhook_header, "mqtt": mqtt, "discovery": discovery}
        sinks = chosen(printed, json_file, out, scores, sending, metrics, [source.name for source, _ in found])
        with closing(sinks):
            commands.watch(found, fitted, sinks, options, quiet)


@app.command()
def adapt(
    source: Annotated[str, typer.Argument(help="The camera, or a file of its normal video; NAME=... names it.")],
    bundle: BundleFolder,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the bundle to write.")],
    minutes: Annotated[float, typer.Option(min=1, help="Of normal video to take from a camera.")] = 30.0,
    scene: Scene = None,
    fps: Fps = None,
    alarms_per_hour: Budget = None,
    hysteresis: Hysteresis = 0.3,
    least_seconds: Least = 0.5,
    merge_seconds: Merge = 2.0,
    cooldown_seconds: Cooldown = 0.0,
    open_seconds: Open = 15.0,
    read_seconds: Read = 10.0,
    give_up_seconds: GiveUp = 300.0,
    quiet: Quiet = False,
) -> None:
    """Fit a bundle to a camera: scene, calibration and thresholds from its own normal video."""
    with _one_line_errors(quiet):
        from vad.deploy import commands
        from vad.deploy.settings import from_flags
        from vad.deploy.sources.live import Patience

        settings = from_flags(
            scene=scene,
            fps=fps,
            alarms_per_hour=alarms_per_hour,
            hysteresis=hysteresis,
            least_seconds=least_seconds,
            merge_seconds=merge_seconds,
            cooldown_seconds=cooldown_seconds,
        )
        patience = Patience(open=open_seconds, read=read_seconds)
        found = commands.one(source)
        load(bundle)  # a damaged one is refused before so many minutes go by
        commands.adapt(found, bundle, out, minutes, settings, patience, give_up_seconds, quiet)


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
    except ModuleNotFoundError as error:
        print(f"vad: {error.name} is not installed: pip install 'video-anomaly-pipeline[serve]'", file=sys.stderr)
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


def main() -> None:
    """The command ``vad``."""
    app()


if __name__ == "__main__":
    main()
