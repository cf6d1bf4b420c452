"""A camera at work: frames in, alarms out, the scorer begun anew where it must be; files scored whole."""

from typing import ClassVar

import av
import cv2
import numpy as np
import pytest

from tests.flashes import FPS, FlashBundle, picture, video
from vad.deploy import where
from vad.deploy.learning import Learning
from vad.deploy.recorder import Recorder
from vad.deploy.score import score
from vad.deploy.session import Keeping, Session
from vad.deploy.settings import Settings, cameras
from vad.deploy.sinks.sink import Sink
from vad.deploy.sources.address import Source
from vad.deploy.sources.media import Frame, Opened
from vad.deploy.stream import FUSION, Reading, Scored
from vad.pipeline.errors import UserError

SETTINGS = Settings(scene="01", least_seconds=0.2, merge_seconds=0.5, gap_seconds=2.0)


class Heard(Sink):
    """Keeps what it is told."""

    def __init__(self):
        self.seconds, self.told = [], []

    def scored(self, camera, scored, epoch, latency):
        self.seconds.append(scored.seconds)

    def alarm(self, told):
        self.told.append(told)

    def ends(self):
        return [told.change.after for told in self.told if told.change.type == "end"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return video(tmp_path_factory.mktemp("video") / "yard.mp4", 10, [(2, 3), (6, 8)])


def play(session, seconds, flashes, start=0.0, size=(160, 96)):
    session.opened(Opened(FPS, size, None))
    for number in range(round(seconds * FPS)):
        at = number / FPS
        session.frame(Frame(number, start + at, picture(number, any(a <= at < b for a, b in flashes), size), 0.0))


def test_a_file_gives_its_alarms_with_place_clip_thumbnail_and_video(clip, tmp_path):
    heard, bundle = Heard(), FlashBundle()
    keeping = Keeping(Recorder(tmp_path / "clips", 1, 1), tmp_path / "thumbnails", tmp_path / "yard.mp4")
    session = score(Source("yard", "file", str(clip)), bundle, SETTINGS, heard, keeping)
    assert heard.seconds == pytest.approx(np.arange(250) / FPS)  # the last ones too, which wait for the latency
    assert [(round(a.start, 2), round(a.end, 2)) for a in heard.ends()] == [(2.0, 2.96), (6.0, 7.96)]
    first = heard.ends()[0]
    assert first.detector == FUSION
    assert first.box == pytest.approx((80, 0, 160, 48), abs=8)
    assert first.clip == str(tmp_path / "clips" / "yard-2000.mp4")
    thumbnail = cv2.imread(first.thumbnail)
    assert thumbnail.shape == (96, 160, 3)
    assert thumbnail[10, 140].min() > 240
    assert session.begun == 2
    for path in (first.clip, str(tmp_path / "yard.mp4")):
        with av.open(path) as container:
            assert sum(1 for _ in container.decode(video=0)) > 40
    with av.open(str(tmp_path / "yard.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 250


def test_no_more_frames_a_second_are_counted_than_there_are(clip):
    for wanted, fps in ((None, FPS), (5.0, 5.0), (100.0, FPS)):
        bundle = FlashBundle()
        score(Source("yard", "file", str(clip)), bundle, SETTINGS.model_copy(update={"fps": wanted}), Heard())
        assert bundle.opened[0].camera.fps == fps


def test_a_short_gap_keeps_the_scorer_and_a_long_one_begins_anew():
    heard, bundle = Heard(), FlashBundle()
    session = Session("gate", bundle, SETTINGS, heard)
    play(session, 2, [(1.5, 2)])
    play(session, 2, [(0, 0.5)], start=3.0)  # 1 s later: kept
    assert len(bundle.opened) == 1
    play(session, 2, [(0, 1)], start=60.0)
    session.close()
    assert len(bundle.opened) == 2
    assert all(scorer.closed for scorer in bundle.opened)
    assert len(heard.seconds) == 150
    assert [round(alarm.start, 2) for alarm in heard.ends()] == [1.52, 3.0, 60.0]


def test_another_size_begins_anew_and_an_alarm_does_not_outlast_the_picture():
    heard, bundle = Heard(), FlashBundle()
    session = Session("gate", bundle, SETTINGS, heard)
    play(session, 1, [(0.5, 1)])
    session.idle(1.0)
    assert not heard.ends()
    session.idle(2.5)
    assert [round(alarm.end, 2) for alarm in heard.ends()] == [0.96]
    play(session, 1, [], start=4.0, size=(320, 192))
    session.close()
    assert [scorer.camera.size for scorer in bundle.opened] == [(160, 96), (320, 192)]


def test_a_scene_that_nobody_fitted_is_learnt_first():
    class Picky(FlashBundle):
        samples: ClassVar[list] = []

        def open(self, camera, sample=None):
            if sample is None:
                raise UserError("scene 'attic' was not fitted")
            self.samples.append(sample)
            return super().open(camera)

    heard, bundle = Heard(), Picky()
    session = Session("gate", bundle, SETTINGS.model_copy(update={"scene": "attic"}), heard)
    play(session, Learning.seconds + 4, [(Learning.seconds + 2, Learning.seconds + 3)])
    session.close()
    (sample,) = bundle.samples
    assert len(sample) == 2 * Learning.pairs
    assert heard.seconds[0] > Learning.seconds
    assert len(heard.ends()) == 1


def test_a_file_of_an_unknown_scene_is_learnt_from_all_of_it(clip):
    class Picky(FlashBundle):
        def open(self, camera, sample=None):
            if sample is None:
                raise UserError("not fitted")
            assert len(sample) == 40
            return super().open(camera)

    heard = Heard()
    score(Source("yard", "file", str(clip)), Picky(), Settings(), heard)
    assert len(heard.seconds) == 250


def test_the_peak_of_a_map_and_the_box_around_it():
    values = np.zeros((12, 20), np.float32)
    values[3:6, 10:14], values[4, 12], values[9, 2] = 0.8, 1.0, 0.9
    point, box = where.place(values, (200, 120))
    assert point == (125, 45)
    assert box == (100, 30, 140, 60)
    assert where.place(np.ones((4, 4)), (40, 40)) is None
    assert where.place(np.full((4, 4), np.nan), (40, 40)) is None
    readings = {"a": Reading(0, 0, 0.5, values), "b": Reading(0, 0, 0.9, values * 2), FUSION: Reading(0, 0, 0.7)}
    assert where.telling_map(Scored(0, 0.0, readings), FUSION) is readings["b"].map
    assert where.telling_map(Scored(0, 0.0, readings), "a") is values


def test_a_map_with_a_level_of_its_own_is_cut_there():
    values = np.zeros((12, 20), np.float32)
    values[3:6, 10:14], values[4, 12], values[9, 2] = 0.3, 1.0, 0.9
    assert where.place(values, (200, 120))[1] == (120, 40, 130, 50)  # half height
    assert where.place(values, (200, 120), 0.2)[1] == (100, 30, 140, 60)
    assert where.place(values, (200, 120), 2.0) == where.place(values, (200, 120))  # nothing reaches it
    readings = {"weak": Reading(0, 0, 0.9, values, 0.2), "motion": Reading(0, 0, 0.5, values), FUSION: Reading(0, 0, 1)}
    session = Session("gate", FlashBundle(), SETTINGS, Heard())
    session._detector = FUSION
    told = session._describe(Scored(0, 0.0, readings), Frame(0, 0.0, np.zeros((120, 200, 3), np.uint8), 0.0))
    assert (told["point"], told["box"]) == ((125, 45), (100, 30, 140, 60))


def test_cameras_have_settings_of_their_own(tmp_path):
    file = tmp_path / "cameras.yaml"
    file.write_text("cameras:\n  gate: {source: 'rtsp://h/1', threshold: 0.9}\n  yard: {source: '0', scene: '02'}\n")
    (gate, own), (yard, other) = cameras(file, Settings(threshold=0.5, merge_seconds=7))
    assert (gate.name, gate.address, own.threshold, own.merge_seconds) == ("gate", "rtsp://h/1", 0.9, 7)
    assert (yard.kind, other.threshold, other.scene) == ("device", 0.5, "02")
    file.write_text("cameras:\n  gate: {source: 'rtsp://h/1', treshold: 0.9}\n")
    with pytest.raises(UserError, match=r"gate\.treshold is not a parameter"):
        cameras(file, Settings())


def test_an_unknown_detector_is_one_line():
    with pytest.raises(UserError, match="choose from brightness, fusion"):
        Settings(detector="padim").rules(FlashBundle(), FlashBundle().thresholds)


def test_alarms_in_the_cool_down_are_told_of():
    settings = SETTINGS.model_copy(update={"cooldown_seconds": 10.0})
    session = Session("yard", FlashBundle(), settings, Heard())
    play(session, 9, [(1, 2), (4, 5), (7, 8)])
    session.close()
    assert (session.begun, session.suppressed) == (1, 2)
    assert session.counted == "1 alarms, 2 more in the cool-down"
    assert Session("yard", FlashBundle(), settings, Heard()).counted == "0 alarms"
