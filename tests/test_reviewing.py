"""Answers about alarms: which are asked for, and what they leave in labels.csv."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from app import reviewing
from app.reviewing import Alarm, Answer
from vad.data import layouts
from vad.pipeline.errors import UserError

HERE = Path(__file__).parents[1]


@pytest.fixture
def own(tmp_path) -> reviewing.Files:
    """A user's own folder: one camera's video in one piece, another's in two parts."""
    for name in ("train/monday.mp4", "test/friday.mp4", "test/gate/night.avi"):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).touch()
    (tmp_path / "mine/labels.csv").write_text("clip,start,end\nfriday.mp4,250,310\n")
    write_params(tmp_path, "mine")
    return reviewing.files(tmp_path, manifest())


def write_params(root: Path, data_root: str) -> None:
    params = yaml.safe_load((HERE / "params.yaml").read_text())
    params["data"]["root"] = data_root
    (root / "params.yaml").write_text(yaml.safe_dump(params))


def manifest() -> pd.DataFrame:
    rows = [
        ("monday", "train", 0, "train/monday.mp4"), ("friday", "test", 0, "test/friday.mp4"),
        ("night_part1", "test", 0, "test/gate/night.avi"), ("night_part2", "test", 400, "test/gate/night.avi"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["clip", "split", "first_frame", "source"])


def test_alarms_are_runs_over_the_level_the_highest_first():
    shown = [0, 3, 3, 0, 0, 0, 2.5, 0, 0, 5]
    rows = pd.DataFrame({"clip": "a", "frame": range(10), "shown": shown})
    found = reviewing.alarms(rows, {"a": 1.0}, 2.0, merge_seconds=1)
    assert found == [Alarm("a", 9, 9, 9, 5.0), Alarm("a", 1, 2, 1, 3.0), Alarm("a", 6, 6, 6, 2.5)]
    assert reviewing.alarms(rows, {"a": 1.0}, 2.0, merge_seconds=4)[0] == Alarm("a", 1, 9, 9, 5.0)


def test_what_is_labelled_or_answered_is_not_asked_again(own):
    found = [Alarm("friday", 300, 320, 305, 4.0), Alarm("friday", 320, 330, 320, 3.0), Alarm("night_part2", 5, 9, 7, 2)]
    assert reviewing.unanswered(found, reviewing.labelled(own), own) == found[1:]
    assert reviewing.unanswered(found, [("gate/night", 405, 405)], own) == found[:2]
    assert reviewing.unanswered(found, [("gate/night", 5, 9)], own) == found, "another part of that video"


def test_a_yes_is_a_row_that_the_layout_reads_and_a_no_is_none(own):
    reviewing.give(own, Answer("friday", 20, 30, "no", "motion", 4.0))
    assert own.labels.read_text() == "clip,start,end\nfriday.mp4,250,310\n"
    reviewing.give(own, Answer(*own.stretch("night_part2", 5, 9), "yes", "motion", 3.5))
    assert own.labels.read_text() == "clip,start,end\nfriday.mp4,250,310\ngate/night,405,409\n"
    clips = {clip.stem: clip for clip in layouts.find_clips(own.labels.parent)}
    assert clips["gate/night"].labels.spans == ((405, 409),)
    assert clips["friday"].labels.spans == ((250, 310),)
    assert [answer.answer for answer in reviewing.answers(own)] == ["no", "yes"]
    assert reviewing.answers(own)[1] == Answer("gate/night", 405, 409, "yes", "motion", 3.5)


def test_an_answer_is_taken_back_with_its_row(own):
    before = own.labels.read_text()
    reviewing.give(own, Answer("friday", 20, 30, "skip", "motion", 4.0))
    reviewing.give(own, Answer("friday", 250, 310, "yes", "motion", 3.0))
    assert reviewing.take_back(own).answer == "yes"
    assert own.labels.read_text() == before
    assert reviewing.take_back(own).answer == "skip"
    assert reviewing.take_back(own) is None
    assert own.labels.read_text() == before


def test_columns_of_the_user_s_own_stay(own):
    own.labels.write_text("\ufeffend,Clip,start,who\n310,friday.mp4,250,Ann\n")
    reviewing.give(own, Answer("friday", 1, 2, "yes", "motion", 3.0))
    assert own.labels.read_text() == "end,Clip,start,who\n310,friday.mp4,250,Ann\n2,friday,1,\n"


def test_a_labels_file_with_a_mistake_is_not_written_to(own):
    own.labels.write_text("clip,start,end\nfriday.mp4,early,310\n")
    with pytest.raises(UserError, match=r"line 2"):
        reviewing.give(own, Answer("friday", 1, 2, "yes", "motion", 3.0))
    assert own.labels.read_text() == "clip,start,end\nfriday.mp4,early,310\n"
    assert reviewing.answers(own) == []


def test_a_published_data_set_is_nobody_s_own(tmp_path):
    for part in ("Train/Train001", "Test/Test001"):
        (tmp_path / "ped2" / part).mkdir(parents=True)
    write_params(tmp_path, "ped2")
    assert reviewing.files(tmp_path, manifest()) is None


def test_data_of_another_data_set_are_refused(tmp_path, own):
    (tmp_path / "mine/test/friday.mp4").unlink()
    with pytest.raises(UserError, match=r"has no test/friday\.mp4: run 'dvc repro'"):
        reviewing.files(tmp_path, manifest())
