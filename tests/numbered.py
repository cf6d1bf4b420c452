"""Videos whose frames carry their number as black and white blocks: count, order and labels can be read back."""

from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
from av.codec.context import Flags

from vad.data.decoding import read_clip

BITS = 8
SIZE = (128, 64)


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W, 3) BGR with the bits of ``number``, the lowest on the left."""
    bits = (number >> np.arange(BITS)) & 1
    row = np.where(np.repeat(bits, size[0] // BITS), 235, 20).astype(np.uint8)
    row = np.pad(row, (0, size[0] - len(row)))
    return np.repeat(np.tile(row, (size[1], 1))[..., None], 3, axis=2)


def number(pixels: np.ndarray) -> int:
    """The number that (H, W, 3) ``pixels`` carry; -1 where a block is neither black nor white."""
    height, width = pixels.shape[:2]
    block = width // BITS
    middle = pixels[height // 4 : 3 * height // 4, : block * BITS].mean(axis=(0, 2)).reshape(BITS, block)
    levels = middle[:, block // 4 : -(block // 4)].mean(axis=1)
    return int(sum((level > 128) << bit for bit, level in enumerate(levels))) if (abs(levels - 128) > 50).all() else -1


def numbers(path: Path) -> list[int]:
    return [number(frame.pixels()) for frame in read_clip(path).pictures]


def make(
    path: Path,
    codec: str = "libx264",
    frames: int = 40,
    *,
    pixels: str = "yuv420p",
    size: tuple[int, int] = SIZE,
    rate: int = 25,
    times: list[float] | None = None,
    interlaced: bool = False,
    sound: float = 0.0,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    rotation: int = 0,
    images: list[np.ndarray] | None = None,
) -> Path:
    """A video of numbered frames.

    Args:
        times: seconds of each frame; by default ``rate`` a second. sound: seconds of silence beside it.
        container, options: for the muxer and for the encoder.
    """
    images = images or [picture(number, size) for number in range(frames)]
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        context = stream.codec_context
        context.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
        context.gop_size, context.thread_count = 12, 1
        if aspect:
            context.sample_aspect_ratio = aspect
        if interlaced:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        if rotation:
            stream.set_display_rotation(rotation)
        silence = file.add_stream("mp2", rate=48000) if sound else None
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=pixels)
            frame.time_base = context.time_base
            frame.pts = round(times[index] * 1000) if times else index
            file.mux(stream.encode(_woven(frame) if interlaced else frame))
        file.mux(stream.encode(None))
        if silence is not None:
            _silence(file, silence, sound)
    return path


def _woven(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame, marked as two fields."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("setfield", "tff"), graph.add("buffersink")).configure()
    graph.push(frame)
    return graph.pull()


def _silence(file: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    for start in range(0, int(seconds * 48000), 1152):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=1152)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))
