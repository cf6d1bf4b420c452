"""campus-sim's pictures through a camera's codec: MPEG-4 in AVI, and JPEG frames decoded from it."""

import io
from collections.abc import Iterator

import av
import cv2
import numpy as np

from vad.simulation.actors import FPS

JPEG_QUALITY = 88
_QUANTISER = 3  # MPEG-4's, 1 (finest) to 31


def transcoded(images: Iterator[np.ndarray], size: tuple[int, int]) -> Iterator[bytes]:
    """The (H, W, 3) BGR images as JPEG files, after they went through the codec."""
    buffer = io.BytesIO()
    encode(buffer, images, size)
    buffer.seek(0)
    with av.open(buffer, "r") as container:
        for frame in container.decode(video=0):
            _, jpeg = cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            yield jpeg.tobytes()


def encode(file: io.IOBase, images: Iterator[np.ndarray], size: tuple[int, int]) -> None:
    """Write (H, W, 3) BGR images to ``file`` as MPEG-4 in AVI, 24 frames per second, the same bytes on every run."""
    with av.open(file, "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        quantiser = str(_QUANTISER)
        stream.codec_context.options = {"flags": "+bitexact", "qmin": quantiser, "qmax": quantiser, "b": "20000000"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
