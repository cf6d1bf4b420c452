"""A bundle adapted to a camera: scene, calibration and thresholds of its own, and budgets that are kept or refused."""

import json
import re
import shutil
import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from tests import moving_squares as squares
from tests.flashes import video
from tests.servers.running import free_port, needs_rtsp, rtsp, wait_for
from tests.test_bundle import folder, training  # noqa: F401
from tests.test_deploy_session import Heard
from vad import cli
from vad.deploy import budget, bundle
from vad.deploy.adapt import adapt
from vad.deploy.alarms import Alarms, Moment, Rules
from vad.deploy.normal import normal_video
from vad.deploy.recording import record
from vad.deploy.score import score
from vad.deploy.settings import Settings
from vad.deploy.sources import files
from vad.deploy.sources.address import Source
from vad.deploy.sources.live import Patience
from vad.deploy.sources.media import Frame
from vad.deploy.stream import FUSION
from vad.pipeline.errors import UserError

RULES = Rules(threshold=0.5, least_seconds=0.2, merge_seconds=1.0)


def film(path: Path, seconds: float, speed, size=(squares.WIDTH, squares.HEIGHT)) -> Source:
    """A video of the square at ``speed(second)`` pixels per frame."""
    texture = cv2.GaussianBlur(np.random.default_rng(1).integers(120, 256, (32, 16)).astype(np.uint8), (0, 0), 1.0)
    way = 0.0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "12", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(round(seconds * 10)):
            way += speed(number / 10)
            image, x = squares.ground(), squares.left(1, way)
            image[50:82, x : x + 16] = texture
            frame = av.VideoFrame.from_ndarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return Source(path.stem, "file", str(path))


@pytest.fixture(scope="module")
def normal(tmp_path_factory) -> Source:
    return film(tmp_path_factory.mktemp("normal") / "attic.mp4", 16, lambda second: 1 + 0.3 * np.sin(second))


@pytest.fixture(scope="module")
def adapted(folder, normal, tmp_path_factory) -> Path:  # noqa: F811
    out = tmp_path_factory.mktemp("adapted") / "bundle"
    adapt(folder, [normal], "attic", out, RULES)
    return out


def test_the_bundle_is_the_cameras_own(adapted, folder, normal):  # noqa: F811
    made = bundle.load(adapted)
    assert made.scenes == ["attic"]
    assert made.scene_thresholds == {}
    own = normal_video(made)
    assert len(own.seconds) == 160
    assert own.seconds[-1] == pytest.approx(15.9)
    assert made.card["adapted"]["minutes"] == pytest.approx(15.9 / 60, abs=0.01)
    assert made.card["adapted"]["alarms_per_hour"] == pytest.approx(3600 / 15.9, abs=0.2)
    assert "Adapted to attic" in (adapted / "card.md").read_text()
    assert bundle.load(folder).scenes == ["01"]  # as it was
    assert {"motion", FUSION} == set(made.thresholds) == set(own.scores)


def test_its_alarms_keep_to_the_budget_and_it_sees_what_is_not_normal(adapted, normal, tmp_path):
    made, settings = bundle.load(adapted), Settings(scene="attic", **RULES.model_dump(exclude={"threshold"}))
    heard = Heard()
    score(normal, made, settings, heard)
    assert len(heard.ends()) <= 1
    assert heard.seconds[-1] == pytest.approx(15.9)
    strange = film(tmp_path / "strange.mp4", 8, lambda second: 6.0 if 4 < second < 7 else 1.0)
    heard = Heard()
    score(strange, made, settings, heard)
    assert any(3.5 < alarm.start < 7 for alarm in heard.ends())


def test_a_budget_that_so_little_video_cannot_promise_is_refused(folder, normal, tmp_path):  # noqa: F811
    with pytest.raises(UserError, match=r"0\.3 minutes .* cannot promise 2 alarms an hour, which needs 30"):
        adapt(folder, [normal], "attic", tmp_path / "out", RULES, per_hour=2)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="a scene is not learnt from 1 pictures; give 20 or more"):
        adapt(folder, [film(tmp_path / "short.mp4", 0.1, lambda second: 1)], "attic", tmp_path / "out", RULES)
    with pytest.raises(UserError, match="name another folder"):
        adapt(folder, [normal], "attic", folder, RULES)


def test_the_threshold_of_a_budget_is_the_lowest_that_keeps_it():
    seconds = np.arange(7200) / 2  # an hour
    calibrated = np.random.default_rng(0).random(7200) * 0.9
    for place, height in zip(range(200, 7200, 700), np.linspace(0.95, 0.999, 10), strict=True):
        calibrated[place : place + 10] = height
    for allowed in (1, 3, 10):
        found = budget.threshold(calibrated, seconds, allowed, RULES)
        limits = [RULES.model_copy(update={"threshold": limit}) for limit in (found, found - 0.3 * (1 - found))]
        assert budget.count(calibrated, seconds, limits[0]) == allowed - 1
        whole = Alarms("", limits[0])
        told = [
            change.type for moment in zip(seconds, calibrated, strict=True) for change in whole.push(Moment(*moment))
        ]
        assert told.count("new") == allowed - 1
        assert budget.count(calibrated, seconds, limits[1]) >= allowed


def test_a_budget_is_kept_on_video_that_it_was_not_fitted_to():
    """Peaks of one distribution, an hour to fit to and an hour to come: on average no more than was promised."""
    rng, came = np.random.default_rng(0), []
    seconds = np.arange(3600.0)
    for _ in range(60):
        video = np.full((2, 3600), 0.5)
        for hour in video:
            hour[rng.choice(np.arange(50, 3550, 50), 40, replace=False)] = 1 - 10 ** -rng.uniform(1, 4, 40)
        rules = RULES.model_copy(update={"least_seconds": 0.0})
        limit = budget.threshold(video[0], seconds, 1, rules)
        came.append(budget.count(video[1], seconds, rules.model_copy(update={"threshold": limit})))
    assert np.mean(came) == pytest.approx(1, abs=0.4)


def test_the_command_adapts_and_budgets_work_with_what_it_wrote(folder, tmp_path):  # noqa: F811
    run, out, short = CliRunner(), tmp_path / "own", film(tmp_path / "short.mp4", 6, lambda second: 1.0)
    shutil.copytree(folder, tmp_path / "given")
    given = ["--bundle", str(tmp_path / "given")]
    made = run.invoke(cli.app, ["adapt", f"attic={short.address}", *given, "--out", str(out)])
    assert made.exit_code == 0, made.output
    assert json.loads((out / "bundle.json").read_text())["scenes"] == ["attic"]
    flags = ["--scene", "attic", "--alarms-per-hour", "700", "--print", "alarms"]
    scored = run.invoke(cli.app, ["score", short.address, "--bundle", str(out), *flags])
    assert scored.exit_code == 0, scored.output
    refused = run.invoke(cli.app, ["score", short.address, *given, *flags])
    assert refused.exit_code == 1
    assert "adapt it to the camera with 'vad adapt'" in refused.stderr
    both = run.invoke(cli.app, ["score", short.address, "--bundle", str(out), *flags, "--threshold", "0.9"])
    assert "leave one of them out" in both.stderr
    shown = run.invoke(cli.app, ["bundle", "show", str(out)])
    assert "Adapted to attic" in shown.stdout


def test_at_fewer_frames_a_second_the_scene_is_learnt_and_judged_at_as_many(folder, normal, tmp_path):  # noqa: F811
    passing = {}
    for fps in (None, 5.0):
        out = tmp_path / f"at{fps}"
        adapt(folder, [normal], "attic", out, RULES, fps=fps)
        made = bundle.load(out)
        assert len(normal_video(made).seconds) == {None: 160, 5.0: 80}[fps]
        passing[fps] = made.known_scenes["attic"].passing
    assert passing[5.0] == pytest.approx(passing[None], rel=0.3)  # seconds are seconds
    assert files.rate(normal, 5.0) == 5.0
    assert files.rate(normal, 50.0) == files.rate(normal) == 10.0


def test_pairs_are_as_far_apart_as_the_frames_that_are_looked_at(tmp_path):
    clip = video(tmp_path / "yard.mp4", 8, [(1, 2)])
    source = Source("yard", "file", str(clip))
    every = [item for item in files.read(source) if isinstance(item, Frame)]
    for fps, apart in ((None, 1), (5.0, 5)):
        first, second = list(files.pairs(source, 4, fps))[:2]
        at = next(i for i, frame in enumerate(every) if (frame.image == first).all())
        np.testing.assert_array_equal(every[at + apart].image, second)


@needs_rtsp
def test_a_camera_that_goes_away_while_it_is_recorded_is_given_up_in_one_line(tmp_path):
    clip, started = video(tmp_path / "yard.mp4", 8, [(1, 2)]), []
    patience = Patience(open=4, read=1, pause=0.2, longest_pause=0.5)
    with rtsp(clip, free_port()) as address:
        source = Source("yard", "stream", address)

        def record_it():
            try:
                record(source, 1000, tmp_path, patience, started.append, give_up=3.0)
            except UserError as error:
                started.append(str(error))

        thread = threading.Thread(target=record_it)
        thread.start()
        wait_for(lambda: len(started) > 5, 20)
    thread.join(15)
    assert not thread.is_alive()
    assert re.search(r"no picture for 3 s, after \d+ of 1000 s of video \(.+\): see to the camera, or", started[-1])


@needs_rtsp
def test_a_camera_is_recorded_as_it_comes(tmp_path):
    clip = video(tmp_path / "yard.mp4", 8, [(1, 2)])
    with rtsp(clip, free_port()) as address:
        (part,) = record(Source("yard", "stream", address), 3, tmp_path, Patience(open=5, read=3))
    with av.open(part.address) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert 2.5 < times[-1] - times[0] < 5
    assert np.diff(times)[:-4] == pytest.approx(1 / 25, abs=2e-3)
