"""Speed and memory on this machine: what a frame store allows to be measured, judged by the project's bars.

See ``vad.benchmark.speeds`` for how speeds are measured and ``vad.benchmark.memory`` for how memory is.
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from tqdm import tqdm

from vad.benchmark import footage, memory, speeds
from vad.benchmark.speeds import quiet
from vad.benchmark.table import Figure, absent
from vad.benchmark.work import Bench
from vad.data.frames import FrameStore
from vad.detectors import registry, tracks
from vad.pipeline import params, stage
from vad.pipeline.errors import UserError
from vad.protocol import fitting


def measure(store: FrameStore, frames: int, peak: Callable[[int], float]) -> tuple[str, list[Figure]]:
    """Everything that the store allows.

    Args:
        frames: training frames to time on, or as many as there are.
        peak: number of frames -> peak of a fresh process that fits PaDiM on them, see ``vad.benchmark.memory``.

    Returns:
        What was worked on with what, in a line; the rows.

    Raises:
        UserError: the folder is no frame store, or holds neither frames nor tracks.
    """
    if not (store.folder / "manifest.csv").exists():
        raise UserError(f"{store.folder} is no frame store: run 'dvc repro extract_frames', or give another --store")
    clips = footage.training(store) if store.has_pixels else []
    if not clips and store.tracks.empty:
        raise UserError(f"{store.folder} holds no training frames and no person tracks: give another --store")
    machine = f"{stage.device()}, {torch.get_num_threads()} threads, {stage.workers()} workers"
    if not clips:
        return f"{store.folder}: tracks alone, no pixels; {machine}", [track_seconds(store)]
    peaks = memory.figures(store, clips, peak)  # while this process is small
    with TemporaryDirectory() as folder:
        bench = Bench(footage.first(clips, frames), Path(folder))
        figures = [*speeds.speeds(bench, store), *peaks, track_seconds(store)]
    what = f"{bench.frames} frames of {footage.sizes(bench.clips)}"
    return f"{store.folder}: {what}; {machine}; best of {speeds.ROUNDS} rounds", figures


def track_seconds(store: FrameStore) -> Figure:
    """Seconds to fit all training clips' person tracks and to score all test clips', once."""
    name = "tracks fit and score"
    if reason := fitting.why_not(registry.declared("tracks"), store):
        return absent(name, reason)
    section = params.section("tracks", tracks.Params)
    training, test = (store.with_tracks(store.clips(split)) for split in ("train", "test"))
    with tqdm(total=len(training) + len(test), desc="tracks", unit="clip") as bar:
        started = time.perf_counter()
        try:
            with quiet():
                state = tracks.fit(training, section, params.common().seed)
        except UserError as error:
            return absent(name, str(error))
        fitted = time.perf_counter()
        bar.update(len(training))
        detector = tracks.Detector(state, section)
        for clip in test:
            detector.score(clip)
            bar.update()
        ended = time.perf_counter()
    remark = (
        f"{len(store.linked_tracks):,} boxes: training clips fitted in {fitted - started:.1f} s, test clips scored in"
    )
    return Figure(name, ended - started, "s", remark=f"{remark} {ended - fitted:.1f} s; once")
