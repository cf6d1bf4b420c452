"""The command line's flags that several commands have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Printed(StrEnum):
    """What goes to standard output as lines of JSON."""

    scores = "scores"
    alarms = "alarms"
    both = "both"
    none = "none"


def alarms(*names: str, **told) -> typer.models.OptionInfo:
    """A flag of the help text's part about alarms."""
    return typer.Option(*names, rich_help_panel="Alarms", **told)


def kept(*names: str, **told) -> typer.models.OptionInfo:
    """A flag of its part about what is kept on disk."""
    return typer.Option(*names, rich_help_panel="What is kept", **told)


def sent(*names: str, **told) -> typer.models.OptionInfo:
    """A flag of its part about where things go."""
    return typer.Option(*names, rich_help_panel="Where it goes", **told)


Names = Annotated[list[str], typer.Argument(metavar="SOURCE...", help="File, folder or 'pattern*'; NAME=... names it.")]
Cameras = Annotated[
    list[str] | None,
    typer.Argument(metavar="SOURCE...", help="rtsp://..., http://..., a camera's number or a file; NAME=... names it."),
]
CameraFile = Annotated[
    Path | None, typer.Option(help="YAML file of cameras, each with settings of its own; see docs/cameras.md.")
]
BundleFolder = Annotated[Path, typer.Option("--bundle", "-b", envvar="VAD_BUNDLE", help="The bundle's folder.")]
Scene = Annotated[str | None, typer.Option(help="The fitted scene to judge by; by default the source's name.")]
Fps = Annotated[
    float | None, typer.Option(help="Frames a second to look at, by default all; of a folder of pictures their rate.")
]
Open = Annotated[float, typer.Option(help="Seconds for a stream to open and give its first frame.")]
Read = Annotated[float, typer.Option(help="Seconds without a frame after which a stream's reader is killed.")]
GiveUp = Annotated[
    float, typer.Option(min=1, help="Without a picture from the camera, after which the recording is given up.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes on standard error.")]
Detector = Annotated[str | None, alarms(help="Whose score raises alarms; by default the fusion's.")]
Threshold = Annotated[float | None, alarms(help="Calibrated score from which on it is one; by default the bundle's.")]
Budget = Annotated[
    float | None, alarms("--alarms-per-hour", help="A budget in place of a threshold, with an adapted bundle.")
]
Hysteresis = Annotated[float, alarms(help="Decimal log odds below the threshold down to which an alarm holds.")]
Least = Annotated[float, alarms(help="Seconds that an alarm must hold.")]
Merge = Annotated[float, alarms(help="Seconds of quiet that end an alarm; sooner, it is the same event.")]
Cooldown = Annotated[float, alarms(help="Seconds after an alarm in which none begins.")]
Out = Annotated[Path | None, kept("--out", "-o", help="Folder for tables, clips, thumbnails, videos.")]
Before = Annotated[float, kept(help="Seconds before an alarm in its clip.")]
After = Annotated[float, kept(help="Seconds after an alarm in its clip.")]
Print = Annotated[Printed, sent("--print", help="What standard output gets, as lines of JSON.")]
Json = Annotated[Path | None, sent("--json", help="File that alarms are appended to as lines of JSON.")]
Hook = Annotated[list[str] | None, sent("--webhook", help="Address that alarms are POSTed to; may be repeated.")]
Header = Annotated[list[str] | None, sent("--webhook-header", help="'Name: value' sent along; may be repeated.")]
Broker = Annotated[
    str | None, sent("--mqtt", envvar="VAD_MQTT", help="mqtt://user:password@host:1883/prefix; mqtts:// for TLS.")
]
Discovery = Annotated[str, sent(help="Home Assistant's discovery prefix; '' for none.")]
Metrics = Annotated[str | None, sent("--metrics", help="PORT or HOST:PORT to serve figures for Prometheus on.")]
