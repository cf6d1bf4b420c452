"""How fast a bundle is on this machine: frames per second, latency of a frame, engines, and what sharing saves.

A recorded clip is brought to ``SIZE`` and pushed frame by frame, as a camera would, as fast as it is taken. Of several
rounds the best one counts, and engines take turns, so that other load on the machine does not favour one of them.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
import torch

from vad.benchmark.table import Bar, Figure, absent
from vad.data.frames import Clip
from vad.deploy.bundle import FittedBundle, load
from vad.deploy.scorer import CameraScorer
from vad.features import engines
from vad.perception.camera import Camera

SIZE, FPS = (640, 360), 25.0  # what is promised about
WARM = 10  # frames that are pushed before time is taken
ROUNDS = 3
TOGETHER = ("padim", "spade", "gradcam", "prototypes")  # look through one backbone
BARS = {("motion",): 3.0, ("motion", "objects"): 2.0}  # times real time


def figures(bundle: FittedBundle, clip: Clip, most: int) -> list[Figure]:
    """The table of one bundle on at most ``most`` frames of ``clip``, whose scene it knows."""
    images = [cv2.resize(clip.read(frame), SIZE, interpolation=cv2.INTER_LINEAR) for frame in clip.frames[:most]]
    camera = Camera("benchmark", clip.scene, FPS, SIZE)
    every = tuple(bundle.detectors)
    sets = dict.fromkeys([*(names for names in BARS if set(names) <= set(every)), every])
    taken = {names: durations(partial(opened, bundle, camera, names), images) for names in sets}
    rows = [row for names, (wall, cpu) in taken.items() for row in _throughput(names, wall, cpu, names == every)]
    rows += _latencies(taken[every][0], opened(bundle, camera, every))
    for name in every if len(every) > 1 else ():
        rows += _alone(name, opened(bundle, camera, [name]), images)
    return [*rows, *_engines(bundle), *_one_pass(bundle, camera, images)]


def opened(bundle: FittedBundle, camera: Camera, names: Sequence[str]) -> CameraScorer:
    """A scorer of some of the bundle's detectors."""
    return bundle.open(camera, detectors=names)


def durations(make: Callable[[], CameraScorer], images: Sequence[np.ndarray], rounds: int = ROUNDS) -> np.ndarray:
    """(2, rounds, F) seconds, by the wall and of CPU time, from a frame's being pushed until the scorer is free again.

    CPU time, of all threads, says what a frame costs where others keep the machine busy.
    """
    taken = np.empty((2, rounds, max(1, len(images) - WARM)))
    for turn in range(rounds):
        scorer = make()
        for at, image in enumerate(images):
            started = np.array([time.perf_counter(), time.process_time()])
            scorer.push(image, at / FPS)
            if at >= WARM:
                taken[:, turn, at - WARM] = np.array([time.perf_counter(), time.process_time()]) - started
    return taken


def _throughput(names: tuple[str, ...], wall: np.ndarray, cpu: np.ndarray, whole: bool) -> list[Figure]:
    speed, name = 1 / wall.mean(axis=1).min(), "bundle" if whole else "+".join(names)
    bar = Bar(">=", BARS.get(names, 1.0), "ratio")
    return [
        Figure(name, speed, "frames/s", speed / FPS, bar, "ratio to real time"),
        Figure(f"{name}, CPU", cpu.mean(axis=1).min() * 1000, "ms", remark="of CPU time a frame, all threads"),
    ]


def _latencies(taken: np.ndarray, scorer: CameraScorer) -> list[Figure]:
    best = taken[taken.mean(axis=1).argmin()] * 1000
    remark = f"computing; a score waits for {scorer.latency} more frames, {scorer.latency / FPS:.2f} s"
    return [Figure(f"a frame, p{q}", float(np.percentile(best, q)), "ms", remark=remark) for q in (50, 99)]


def _alone(name: str, scorer: CameraScorer, images: Sequence[np.ndarray]) -> list[Figure]:
    """What one detector costs a frame by itself."""
    taken = durations(lambda: scorer, images, rounds=1)[1, 0] * 1000
    remark = f"of CPU time, alone; a score waits for {scorer.latency} more frames, {scorer.latency / FPS:.2f} s"
    return [Figure(f"{name}, p{q}", float(np.percentile(taken, q)), "ms", remark=remark) for q in (50, 99)]


def _engines(bundle: FittedBundle) -> list[Figure]:
    """One frame through the bundle's largest graph by each engine, beside PyTorch."""
    if not bundle.settings.networks:
        return [absent("engines", "no network of the bundle has a graph")]
    network = max(bundle.settings.networks, key=lambda one: (one.side, len(one.outputs)))
    from vad.features import backbones

    backbone = backbones.common(network.backbone)
    x = torch.zeros(1, 3, network.side, network.side)
    plain = backbone.network.eval()
    work: dict[str, Callable[[], object]] = {
        "PyTorch, eager": lambda: plain(x),
        "PyTorch, folded": lambda: backbone.outputs(x, network.outputs),
    }
    for engine in engines.ENGINES[1:]:
        run = engines.load(bundle.folder / network.file, engine)
        work[engine] = partial(run, {"x": x.numpy()})
    best = dict.fromkeys(work, np.inf)
    with torch.inference_mode():
        for _ in range(ROUNDS * 10):
            for name, own in work.items():
                started = time.perf_counter()
                own()
                best[name] = min(best[name], time.perf_counter() - started)
    eager = best["PyTorch, eager"]
    bars: dict[str, Bar] = dict.fromkeys(engines.ENGINES, Bar(">=", 1.5, "ratio"))
    return [
        Figure(f"network by {name}", own * 1000, "ms", eager / own, bars.get(name), "one frame; ratio to eager")
        for name, own in best.items()
    ]


def _one_pass(bundle: FittedBundle, camera: Camera, images: Sequence[np.ndarray]) -> list[Figure]:
    """What detectors cost that look through one backbone, together and each alone."""
    name = "+".join(TOGETHER)
    if not set(TOGETHER) <= set(bundle.detectors):
        return [absent(name, f"the bundle lacks {', '.join(n for n in TOGETHER if n not in bundle.detectors)}")]
    part = images[: WARM + 20]
    alone = {n: durations(partial(opened, bundle, camera, [n]), part)[1].mean(axis=1).min() for n in TOGETHER}
    together = durations(lambda: opened(bundle, camera, TOGETHER), part)[1].mean(axis=1).min()
    dearest = max(alone, key=lambda n: alone[n])
    remark = f"of CPU time a frame; ratio to {dearest} alone"
    return [Figure(name, together * 1000, "ms", together / alone[dearest], Bar("<=", 1.5, "ratio"), remark)]


def by_engine(folder, clip: Clip, most: int) -> list[Figure]:
    """Seconds that the whole bundle takes for clips of several lengths, by engine."""
    images = [cv2.resize(clip.read(frame), SIZE, interpolation=cv2.INTER_LINEAR) for frame in clip.frames[:most]]
    camera, rows = Camera("benchmark", clip.scene, FPS, SIZE), []
    for length in (72, 128, 256):
        for engine in engines.ENGINES:
            scorer = load(folder, engine).open(camera)
            started = time.perf_counter()
            for at in range(length):
                scorer.push(images[at % len(images)], at / FPS)
            scorer.close()
            seconds = time.perf_counter() - started
            rows.append(Figure(f"{length} frames by {engine}", seconds, "s", length / FPS / seconds))
    return rows
