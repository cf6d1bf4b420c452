"""A tiny UCF-Crime of I3D-shaped features: the lists, the annotations, and events planted into some videos."""

from pathlib import Path

import numpy as np

DIM, CROPS, FRAMES = 1024, 2, 16
ACTIONS, EVENTS = 40, 3


def write(root: Path, train: int, test: int, seed: int, shuffled: bool = False) -> None:
    """``train`` and ``test`` videos below ``root``, every other one with an event of one of three kinds.

    Features are non-negative and sparse, as I3D's are, with what a video's own scene adds. Something always happens:
    actions that raise 20 features each follow one another. Events are as rare and as large as any action; only the
    labels say which ones are abnormal. ``shuffled`` deals the training labels at random.
    """
    rng = np.random.default_rng(seed)
    raised = np.random.default_rng(1).permutation(DIM)[: 20 * (ACTIONS + EVENTS)].reshape(-1, 20)
    (root / "features").mkdir(parents=True)
    labels = np.arange(train) % 2
    if shuffled:
        labels = rng.permutation(labels)
    lines, annotations = [], []
    for number in range(train + test):
        length = int(rng.integers(20, 40))
        values = rng.normal(0, 0.6, DIM) + rng.normal(0, 1, (length, 1, DIM)) + rng.normal(0, 0.1, (length, CROPS, DIM))
        action = np.repeat(rng.integers(0, ACTIONS, length), rng.integers(3, 7, length))[:length]
        span = (-1, -1)
        if number % 2:
            first, count = int(rng.integers(0, length - 6)), int(rng.integers(3, 7))
            action[first : first + count] = ACTIONS + rng.integers(EVENTS)
            span = (first * FRAMES, (first + count) * FRAMES - 1)
        for snippet, kind in enumerate(action):
            values[snippet, :, raised[kind]] += 2.5
        np.save(root / "features" / f"v{number:03d}_x264_i3d.npy", np.maximum(values, 0).astype(np.float16))
        name = f"v{number:03d}_x264.mp4"
        if number < train:
            lines.append(f"{'Abuse' if labels[number] else 'Training_Normal_Videos_Anomaly'}/{name}")
        else:
            annotations.append(f"{name}  {'Abuse' if number % 2 else 'Normal'}  {span[0]}  {span[1]}  -1  -1")
    (root / "Anomaly_Train.txt").write_text("\n".join(lines) + "\n")
    (root / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt").write_text("\n".join(annotations) + "\n")
