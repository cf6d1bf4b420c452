"""Corrupted frames planted in a small noisy street are found, each under its own name, and nothing else is."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from vad.data import decoding, quality

FRAMES = 60


def street(seed: int = 0) -> list[np.ndarray]:
    """(120, 180) gray frames: a bright sky over a textured ground, a walker, sensor noise."""
    rng = np.random.default_rng(seed)
    scene = np.where(np.arange(120)[:, None] < 40, 180, 90) + rng.normal(0, 12, (120, 180))
    scene[50:70, 20:60] = 30
    frames = []
    for t in range(FRAMES):
        frame = scene + rng.normal(0, 2, scene.shape)
        frame[70:100, 2 * t : 2 * t + 10] = 220
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    return frames


def findings(frames: list[np.ndarray], references: tuple = ()) -> list[tuple]:
    gauge = quality.Gauge()
    for number, frame in enumerate(frames):
        gauge.add(number, frame)
    return [(found.frame, found.problem, found.turn) for found in gauge.findings(references)]


def test_clean_clip_has_no_findings() -> None:
    assert findings(street()) == []


def test_each_problem_is_found() -> None:
    frames = street()
    frames[5], frames[6] = cv2.flip(frames[5], 0), cv2.flip(frames[6], -1)
    frames[20:24] = [frames[19]] * 4
    frames[30] = np.full_like(frames[30], 3)
    frames[40] = cv2.GaussianBlur(frames[40], (0, 0), 2)
    expected = [(5, "upside_down", 0), (6, "upside_down", -1)]
    expected += [(frame, "frozen", None) for frame in range(20, 24)]
    expected += [(30, "black", None), (40, "blurred", None)]
    assert findings(frames) == expected


def test_two_repeats_are_not_frozen() -> None:
    frames = street()
    frames[20:22] = [frames[19]] * 2
    assert findings(frames) == []


def test_frozen_frames_with_coding_noise() -> None:
    frames, rng = street(), np.random.default_rng(1)
    for t in range(20, 25):
        frames[t] = np.clip(frames[19] + rng.normal(0, 0.5, frames[19].shape), 0, 255).astype(np.uint8)
    assert [row[:2] for row in findings(frames)] == [(t, "frozen") for t in range(20, 25)]


def test_an_empty_scene_is_not_frozen() -> None:
    frames, rng = street(), np.random.default_rng(2)
    scene = np.median(frames, axis=0)
    for t in range(20, 50):
        frames[t] = np.clip(scene + rng.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
    assert findings(frames) == []


def test_black_throughout() -> None:
    assert findings([np.zeros((120, 180), np.uint8)] * 3) == [(t, "black", None) for t in range(3)]


def test_a_whole_clip_upside_down_needs_a_training_background() -> None:
    frames = [cv2.flip(frame, -1) for frame in street()]
    gauge = quality.Gauge()
    for number, frame in enumerate(street()):
        gauge.add(number, frame)
    assert findings(frames) == []
    assert findings(frames, (gauge.background(),)) == [(t, "upside_down", -1) for t in range(FRAMES)]


def test_backgrounds_of_another_place_turn_nothing() -> None:
    other = np.random.default_rng(3).normal(100, 20, (32, 48)).astype(np.float32)
    assert findings(street(), (other,)) == []


@pytest.mark.skipif("VAD_DATASETS" not in os.environ, reason="VAD_DATASETS does not name a folder with ped2")
def test_no_false_alarm_on_clean_ped2() -> None:
    for folder in sorted(Path(os.environ["VAD_DATASETS"], "ped2/testing/frames").iterdir())[::3]:
        pictures = decoding.read_clip(folder).pictures
        assert findings([picture.small_gray() for picture in pictures]) == []
