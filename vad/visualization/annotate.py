"""A clip as a video to watch: map or boxes over the frame, score and threshold state, ground truth, running timeline.

H.264 with yuv420p and its index in front, so that browsers play it; one encoder thread and no macroblock tree, so that
the bytes are the same each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pydantic
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from vad.data.frames import Clip
from vad.data.intervals import stretches
from vad.pipeline import artifacts, naming, params
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section
from vad.visualization import evidence_pictures
from vad.visualization.overlay import Box, blend, boxes, linked, span
from vad.visualization.peaks import peaks
from vad.visualization.pictures import Params as Pictures

ALARM, QUIET, TRUTH, LINE, INK, PAPER = (
    (213, 94, 0),
    (120, 128, 136),
    (0, 158, 115),
    (0, 114, 178),
    (40, 40, 40),
    (250, 250, 250),
)
SCORES = Path("data/scores")
HEADER, STRIP, BORDER = 34, 64, 6  # pixels
# Of x264. Its macroblock tree reads memory that nobody wrote: the first picture would differ from run to run.
X264 = {"preset": "veryfast", "x264-params": "mbtree=0"}


class Params(Section):
    """Section ``annotate``."""

    clips: int = pydantic.Field(ge=0, le=1000)
    detector: str
    maps: str
    width: int = pydantic.Field(ge=160, le=1920, multiple_of=2)
    crf: int = pydantic.Field(ge=0, le=51)
    opacity: float = pydantic.Field(ge=0, le=1)
    peak_distance: float = pydantic.Field(gt=0, le=3600)


@dataclass(frozen=True)
class Story:
    """What is told about a clip.

    Attributes:
        rows: its scored frames in order: frame, label, shown, level, alarm (``vad.visualization.scale``).
        detector: the printed name of the one whose scores these are.
        maps: frame number -> (h, w) map; empty where there is none.
        limits: map values of the first and the last colour.
        events: first_frame, last_frame, type; empty where unknown.
        boxes: frame number -> boxes in shares of the picture; empty where none are drawn.
    """

    rows: pd.DataFrame
    detector: str
    maps: dict[int, np.ndarray]
    limits: tuple[float, float]
    events: pd.DataFrame
    boxes: dict[int, list[Box]] = field(default_factory=dict)

    def kind(self, frame: int) -> str:
        """The types of the events that ``frame`` lies in."""
        inside = self.events[(self.events["first_frame"] <= frame) & (self.events["last_frame"] >= frame)]
        return ", ".join(dict.fromkeys(inside["type"].str.replace("_", " ")))


@dataclass(frozen=True)
class Stories:
    """What is told of clips whose scores are in ``rows``, as a work of ``vad.pipeline.executor``.

    Attributes:
        rows: ``Story.rows`` of all clips, with ``clip``; detector: its printed name.
        sources: folders of maps; a clip's are taken from the first that has them. events: with ``clip``.
    """

    rows: pd.DataFrame
    detector: str
    sources: tuple[Path, ...]
    events: pd.DataFrame
    params: Params

    def of(self, clip: str) -> Story:
        """One clip's."""
        own = self.rows[self.rows["clip"] == clip].sort_values("frame")
        maps, limits, drawn = {}, (0.0, 1.0), {}
        for source in self.sources:
            if (source / f"{clip}.npz").exists():
                stored = artifacts.load_arrays(source / f"{clip}.npz")
                maps, limits = dict(zip(stored["frames"].tolist(), stored["maps"], strict=True)), span([stored["maps"]])
                drawn = self._boxes(source.name, maps)
                break
        return Story(own, self.detector, maps, limits, self.events[self.events["clip"] == clip], drawn)

    def _boxes(self, source: str, maps: dict[int, np.ndarray]) -> dict[int, list[Box]]:
        """Those of ``weak``, whose map says where: regions above what held-out normal video shows; none of others."""
        if source != "weak":
            return {}
        quantile = params.section("pictures", Pictures).box_quantile
        level = evidence_pictures.level(artifacts.load_table(SCORES / "weak.parquet"), quantile)
        if not np.isfinite(level):
            return {}
        return linked({frame: boxes(one, level) for frame, one in maps.items()})

    def __call__(self, clip: Clip, folder: Path) -> None:
        """Write ``videos/<clip>.mp4``."""
        path = folder / "videos" / f"{naming.file_name(clip.name)}.mp4"
        render(clip, self.of(clip.name), path, self.params)


def render(clip: Clip, story: Story, path: Path, params: Params) -> None:
    """Write the annotated clip as ``path`` (.mp4), one picture per scored frame."""
    frames = story.rows["frame"].to_numpy()
    step = float(np.median(np.diff(frames))) if len(frames) > 1 else 1.0
    write(pictures(clip, story, params), path, clip.fps / max(1.0, step), params.crf)


def pictures(clip: Clip, story: Story, params: Params) -> Iterator[np.ndarray]:
    """The video's pictures, each (H, W, 3) uint8 RGB with even sides."""
    strip = timeline(story, clip.fps, params)
    rows = story.rows
    for place, row in enumerate(rows.itertuples()):
        image = picture(clip, int(row.frame), story.maps, story.limits, params.width, params.opacity)
        _frame(image, story.boxes.get(int(row.frame), []))
        if row.alarm:
            image[:BORDER], image[-BORDER:], image[:, :BORDER], image[:, -BORDER:] = (ALARM,) * 4
        now = strip.copy()
        x = _x(place, len(rows), params.width)
        now[:, max(0, x - 1) : x + 1] = INK
        page = np.vstack([_header(clip, story, row, params.width), image, now])
        yield page[: len(page) // 2 * 2]


def picture(
    clip: Clip, frame: int, maps: dict[int, np.ndarray], limits: tuple[float, float], width: int, opacity: float
) -> np.ndarray:
    """Frame number ``frame`` at ``width`` pixels with its map, or its boxes where there is no map: (H, W, 3) uint8 RGB.

    Args:
        maps, limits: as in :class:`Story`; opacity: of the strongest colour.
    """
    stored = clip.size
    image = np.full((stored[1], stored[0], 3), 225, np.uint8) if clip.path is None else clip.read(frame)
    size = (width, round(image.shape[0] * width / image.shape[1]))
    scale = width / image.shape[1]
    image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    if frame in maps:
        return blend(image, maps[frame], limits, opacity)
    if clip.tracks is not None:
        boxes = clip.tracks.loc[clip.tracks["frame"] == frame, ["x1", "y1", "x2", "y2"]].to_numpy() * scale
        for x1, y1, x2, y2 in boxes.round().astype(int).tolist():
            cv2.rectangle(image, (x1, y1), (x2, y2), LINE, 2, cv2.LINE_AA)
    return image


def _frame(image: np.ndarray, boxes: list[Box]) -> None:
    """Draw ``boxes``, in shares of the picture, into ``image``."""
    height, width = image.shape[:2]
    for x1, y1, x2, y2 in boxes:
        corners = (round(x1 * width), round(y1 * height)), (round(x2 * width) - 1, round(y2 * height) - 1)
        cv2.rectangle(image, *corners, ALARM, 2, cv2.LINE_AA)


def _header(clip: Clip, story: Story, row, width: int) -> np.ndarray:
    image = Image.new("RGB", (width, HEADER), ALARM if row.alarm else PAPER)
    draw = ImageDraw.Draw(image)
    ink = (255, 255, 255) if row.alarm else INK
    seconds = row.frame / clip.fps
    draw.text((10, 9), f"{naming.drawn(clip.name)}   {seconds:6.2f} s", fill=ink, font=font(14))
    state = "ALARM" if row.alarm else "quiet"
    draw.text(
        (width * 0.36, 9), f"{story.detector}  {row.shown:+.2f}  {state}", fill=ink, font=font(14, bold=row.alarm)
    )
    if row.label:
        text = naming.drawn(story.kind(int(row.frame))) or "abnormal"
        length = draw.textlength(text, font=font(13))
        draw.rectangle((width - length - 26, 6, width - 8, HEADER - 6), fill=TRUTH)
        draw.text((width - length - 17, 9), text, fill=(255, 255, 255), font=font(13))
    return np.array(image)


def timeline(story: Story, fps: float, params: Params) -> np.ndarray:
    """(STRIP, width, 3) uint8: the score, ground truth shaded, threshold, peaks, over the whole clip."""
    rows, width, ink = story.rows, params.width, 3
    values, level = rows["shown"].to_numpy(), float(rows["level"].median())
    known = [*values, level] if np.isfinite(level) else values
    low, high = float(np.min(known)), float(np.max(known))
    image = Image.new("RGB", (width * ink, STRIP * ink), PAPER)  # drawn large and reduced: smooth lines
    draw = ImageDraw.Draw(image)

    def at(place: float, value: float) -> tuple[float, float]:
        share = (value - low) / max(high - low, 1e-9)
        return _x(place, len(rows), width) * ink, (STRIP - 6 - share * (STRIP - 16)) * ink

    for start, end in stretches(rows["label"].to_numpy()):
        draw.rectangle((at(start, 0)[0], 0, at(end - 1, 0)[0] + ink, STRIP * ink), fill=(198, 232, 221))
    if np.isfinite(level):
        y = at(0, level)[1]
        for x in range(0, width * ink, 12 * ink):
            draw.line((x, y, x + 6 * ink, y), fill=QUIET, width=ink)
    if len(values) > 1:
        draw.line([at(place, value) for place, value in enumerate(values)], fill=LINE, width=2 * ink, joint="curve")
    for place in peaks(values, rows["frame"].to_numpy(), level, params.peak_distance * fps):
        left, top = at(place, values[place])
        draw.polygon(
            [(left - 4 * ink, top - 8 * ink), (left + 4 * ink, top - 8 * ink), (left, top - 2 * ink)], fill=ALARM
        )
    return np.array(image.resize((width, STRIP), Image.Resampling.BOX))


def _x(place: float, count: int, width: int) -> int:
    return round(4 + place / max(1, count - 1) * (width - 9))


def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib."""
    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans{'-Bold' if bold else ''}.ttf", size)


def write(images: Iterator[np.ndarray], path: Path, fps: float, crf: int) -> None:
    """Encode (H, W, 3) uint8 RGB images of one even size as H.264 in ``path``.

    Raises:
        UserError: the installed PyAV has no H.264 encoder.
    """
    try:
        av.Codec("libx264", "w")
    except (ValueError, av.error.FFmpegError):
        raise UserError(
            "PyAV was built without libx264: install its wheel with 'pip install --force-reinstall av'"
        ) from None
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
        stream = None
        for image in images:
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), **X264})
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.thread_count = 1
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode())


def telling(table: pd.DataFrame, count: int) -> list[str]:
    """The ``count`` clips with the highest peaks, the highest first. ``table``: one detector's clip and shown."""
    highest = table.groupby("clip", sort=True)["shown"].max()
    return list(highest.sort_values(ascending=False, kind="stable").index[:count])
