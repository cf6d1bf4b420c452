"""The frames of a clip, be it a video file or a folder of pictures, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vad.data.pictures import Picture, frame_files, read_picture
from vad.data.video import Video


@dataclass(frozen=True)
class Footage:
    """A clip that was opened.

    Attributes:
        fps: frames per second; None where the clip does not say.
        pictures: every frame in order; to look at its pixels is what costs.
        gap: seconds from one frame to the next from which on they are of two recordings.
        notes: what the user should know of the clip's time.
    """

    fps: float | None
    pictures: Iterator[Picture]
    gap: float = float("inf")
    notes: list[str] = field(default_factory=list)


def read_clip(path: Path, fps: float | None = None) -> Footage:
    """The clip at ``path``: a video, or a folder with a picture per frame.

    Args:
        fps: frames per second in place of the video's own.

    Raises:
        UserError: (on opening or while iterating) a file cannot be read, is damaged, or a picture is missing.
    """
    if path.is_dir():
        files = frame_files(path)
        return Footage(fps, (read_picture(file) for file in files))
    video = Video(path)
    timeline = video.timeline
    return Footage(fps or timeline.fps, video.frames(), timeline.gap, timeline.notes(fps))
