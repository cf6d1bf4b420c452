"""A user's file through a bundle: what the page shows is what the bundle says."""

import cv2
import numpy as np
import pytest

from app import trying
from tests import moving_squares as squares
from tests.test_bundle import folder, training  # noqa: F401  (fixtures: a bundle)
from vad.deploy import bundle
from vad.deploy.settings import Settings
from vad.perception.camera import Camera
from vad.pipeline.errors import UserError
from vad.visualization import annotate

SETTINGS = Settings(scene="01", detector="motion")


@pytest.fixture
def video(tmp_path) -> bytes:
    clip = squares.clip(tmp_path, "run", 4.0)
    annotate.write((clip.read(frame) for frame in clip.frames), tmp_path / "run.mp4", squares.FPS, 18)
    return (tmp_path / "run.mp4").read_bytes()


def test_scores_are_the_bundle_s_and_alarms_end(folder, video, tmp_path):  # noqa: F811
    made, seen = bundle.load(folder), []
    tried = trying.run("run.mp4", video, made, SETTINGS, lambda *told: seen.append(told))
    assert seen[0] == (1, 40)
    assert seen[-1] == (40, 40)
    scorer = made.open(Camera("file", "01", squares.FPS, (squares.WIDTH, squares.HEIGHT)))
    import av

    with av.open(str(tmp_path / "run.mp4")) as container:
        images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    found = [one for at, image in enumerate(images) for one in scorer.push(image, at / squares.FPS)] + scorer.close()
    own = tried.scores[tried.scores["detector"] == "motion"]
    np.testing.assert_allclose(own["score"], [one.readings["motion"].score for one in found], rtol=1e-5)
    assert tried.level == pytest.approx(np.log10(0.97 / 0.03)), "the scene's own threshold"
    assert len(tried.alarms) >= 1
    assert (tried.alarms["end"] > tried.alarms["start"]).all()
    assert tried.film[4:8] == b"ftyp"


def test_an_unknown_scene_is_learnt_from_the_video(folder, video):  # noqa: F811
    tried = trying.run("run.mp4", video, bundle.load(folder), Settings(detector="motion"))
    assert tried.scores["frame"].nunique() == 40


def test_a_picture_comes_back_as_a_picture(folder, training):  # noqa: F811
    png = cv2.imencode(".png", training[0].read(3))[1].tobytes()
    tried = trying.run("one.PNG", png, bundle.load(folder), SETTINGS)
    assert tried.scores["frame"].nunique() == 1
    assert cv2.imdecode(np.frombuffer(tried.film, np.uint8), cv2.IMREAD_COLOR).shape == (120, 160, 3)


def test_what_is_no_video_is_said_in_one_line(folder):  # noqa: F811
    with pytest.raises(UserError, match=r"^notes\.mp4 cannot be opened as a video"):
        trying.run("notes.mp4", b"not a video", bundle.load(folder), SETTINGS)


def test_bundles_of_a_project_that_of_the_pipeline_first(tmp_path):
    for name in ("yard/bundle.json", "data/bundle/bundle.json", "a/b/bundle.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert trying.bundles(tmp_path) == [tmp_path / "data/bundle", tmp_path / "a/b", tmp_path / "yard"]
