from pathlib import Path

import numpy as np
import pytest

from vad.data.frames import Clip, ClipWriter
from vad.features import semantic
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError


def clip(name: str, frames: list[int], path: Path | None = None) -> Clip:
    numbers = np.array(frames, dtype=np.int64)
    labels = np.zeros(len(frames), dtype=np.int8)
    return Clip(name, "01", "test", 25.0, numbers, labels, numbers, path=path, size=(8, 6))


class Brightness:
    """Embeds a frame as (cos, sin) of its brightness."""

    name, dim = "brightness", 2

    def encode_images(self, batch: np.ndarray) -> np.ndarray:
        angle = batch.mean(axis=(1, 2, 3)) / 255
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def test_embeddings_come_back_aligned_with_any_choice_of_frames(tmp_path):
    clips = []
    for name, frames in (("a", [0, 1, 2, 3]), ("b", [5, 9])):
        with ClipWriter(tmp_path / f"{name}.zip", 100) as writer:
            for frame in frames:
                writer.add(frame, np.full((6, 8, 3), 20 * frame, np.uint8))
        clips.append(clip(name, frames, tmp_path / f"{name}.zip"))
    path = tmp_path / "embeddings.npz"
    artifacts.save_arrays(path, semantic.embed(clips, Brightness()))

    b, a = semantic.with_embeddings([clip("b", [9]), clip("a", [1, 3])], semantic.load_embeddings(path))

    np.testing.assert_allclose(b.embeddings[:, 1], np.sin(np.array([180]) / 255), atol=0.01)
    np.testing.assert_allclose(a.embeddings[:, 1], np.sin(np.array([20, 60]) / 255), atol=0.01)
    assert a.only([3]).embeddings.shape == (1, 2)
    for unknown in (clip("a", [1, 4]), clip("a", [2, 99]), clip("c", [0])):
        with pytest.raises(UserError, match="no embedding for some frames of clip"):
            semantic.with_embeddings([unknown], semantic.load_embeddings(path))


def test_views_are_the_frame_and_its_quarters():
    frame = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(1, 4, 6, 3)
    assert [view.shape for view in semantic.views(frame, 1)] == [(1, 4, 6, 3)]
    whole, *quarters = semantic.views(frame, 5)
    assert whole is frame
    rows = [np.concatenate(quarters[i : i + 2], axis=2) for i in (0, 2)]
    np.testing.assert_array_equal(np.concatenate(rows, axis=1), frame)


def test_unit_rows():
    np.testing.assert_allclose(semantic.unit(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]])
