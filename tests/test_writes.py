"""No input makes the project write outside data/: hostile names and tables, with every write watched."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import written
from tests.numbered import make
from tests.test_fuzz_data import fuzz, judged
from vad.data import extraction, layouts
from vad.data.packing import Params
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError

PARAMS = Params(short_side=32, stride=1, jpeg_quality=90, turn_back=True)
CLIMBING = [
    "../../beside/x",
    "..",
    "../x",
    f"{tempfile.gettempdir()}/vad-climbed",
    "a/../../../beside/x",
    "..\\..\\x",
    "~/x",
    "$HOME/x",
    "-rf",
]
file_names = st.one_of(
    st.sampled_from(["a", "..", "...", "~", "-rf", "NA", "a\\..\\b", "a\nb", "%2e%2e%2fb", "a;touch x", "$(touch x)"]),
    st.text(max_size=12).filter(lambda name: "/" not in name and "\0" not in name),
).map(lambda name: name.encode(errors="surrogatepass").decode(errors="replace")[:60])
cells = st.one_of(st.sampled_from([*CLIMBING, "a", "test/a", "NA", "0", "3"]), st.text(max_size=8))
rows = st.lists(st.tuples(cells, cells, cells, cells), max_size=3)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make(tmp_path_factory.mktemp("video") / "a.mp4", frames=6).read_bytes()


def test_the_watch_sees_what_is_written_and_no_reading(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    with written.watched() as paths:
        (tmp_path / "old").read_text()
        (tmp_path / "new").write_text("x")
        (tmp_path / "new").rename(tmp_path / "other")
        artifacts.save_json(tmp_path / "data/a.json", {})
    names = {os.path.relpath(path, tmp_path) for path in paths}
    assert {"new", "other", "data/a.json"} <= names
    assert "old" not in names
    assert written.outside(paths, tmp_path / "data") == [str(tmp_path / name) for name in ("new", "other")]


@fuzz
@given(
    trained=st.lists(file_names, min_size=1, max_size=2),
    judged_=st.lists(file_names, min_size=1, max_size=2),
    folder=st.one_of(st.just(""), file_names),
    tables=st.fixed_dictionaries({}, optional={"labels": rows, "clips": rows, "events": rows, "tracks": rows}),
)
def test_extraction_writes_into_the_store_alone(
    tmp_path_factory: pytest.TempPathFactory,
    video: bytes,
    trained: list[str],
    judged_: list[str],
    folder: str,
    tables: dict[str, list[tuple[str, ...]]],
) -> None:
    place = tmp_path_factory.mktemp("place")
    project, root = place / "project", place / "mine"
    for path in (project / "data", place / "beside", root):
        path.mkdir(parents=True)
    write_data_set(root, video, {"train": trained, "test": judged_}, folder, tables)
    before = written.contents(place, (project / "data",))
    with pytest.MonkeyPatch.context() as patch, written.watched() as paths:
        patch.chdir(project)
        patch.setenv("VAD_WORKERS", "1")
        form = layouts.Params(root=str(root), layout="folder", fps=None, size=None)
        judged(lambda: extraction.extract(form, PARAMS))
    assert written.outside(paths, project / "data") == []
    assert written.contents(place, (project / "data",)) == before
    assert not Path(tempfile.gettempdir(), "vad-climbed").exists()


def write_data_set(root: Path, video: bytes, names: dict[str, list[str]], folder: str, tables: dict) -> None:
    """A plain folder of videos by these names, some of which no file can have, and tables of these rows."""
    for split, stems in names.items():
        for stem in stems:
            path = root / split / folder / f"{stem}.mp4"
            if path.resolve().is_relative_to(root / split):  # else it is our own name that climbs
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(video)
    heads = {"labels": "clip,start,end", "clips": "clip,camera", "events": "clip,first_frame,last_frame,type"}
    (root / "labels.csv").write_text(heads["labels"])
    for table, own in tables.items():
        if table == "tracks":
            (root / "tracks/testing").mkdir(parents=True)
            text = "\n".join(" ".join(row) for row in own)
            (root / "tracks/testing" / f"{names['test'][0]}.txt").write_bytes(text.encode(errors="replace"))
            continue
        if table == "clips":  # every clip's camera, else the table is refused
            stems = [f"{split}/{stem}" for split in names for stem in names[split]]
            own = [(stem, row[0]) for stem, row in zip(stems, [*own, *[("x",)] * len(stems)], strict=False)]
        columns = heads[table].count(",") + 1
        quoted = (['"' + cell.replace('"', '""') + '"' for cell in row[:columns]] for row in own)
        text = "".join("\n" + ",".join(row) for row in quoted)
        (root / f"{table}.csv").write_bytes((heads[table] + text).encode(errors="replace"))


@pytest.mark.parametrize("camera", CLIMBING)
def test_a_camera_that_climbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, video: bytes, camera: str) -> None:
    """What a scene's model is saved as bears its name."""
    root = tmp_path / "mine"
    write_data_set(root, video, {"train": ["a"], "test": ["b"]}, "", {"clips": [(camera,), (camera,)]})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAD_WORKERS", "1")
    form = layouts.Params(root=str(root), layout="auto", fps=None, size=None)
    with written.watched() as paths:
        if "/" in camera or camera == "..":
            with pytest.raises(UserError, match=r"cannot be the name of a camera: it has to be one that a folder can"):
                extraction.extract(form, PARAMS)
            with pytest.raises(UserError, match="cannot be a name here"):
                artifacts.save_state("data/scenes", {camera: {"x": np.zeros(1)}}, {})
        else:
            assert set(extraction.extract(form, PARAMS)["scene"]) == {camera}
            artifacts.save_state("data/scenes", {camera: {"x": np.zeros(1)}}, {})
            assert set(artifacts.load_state("data/scenes")[0]) == {camera}
    assert written.outside(paths, tmp_path / "data") == []


@pytest.mark.parametrize(
    ("name", "fits"), [("\u540d" * 66, True), ("\u540d" * 67, False), ("x" * 200, True), ("x" * 201, False)]
)
def test_a_name_too_long_for_what_is_added_to_it(tmp_path: Path, video: bytes, name: str, fits: bool) -> None:
    write_data_set(tmp_path, video, {"train": ["a"], "test": [name]}, "", {})
    found = judged(lambda: layouts.find_clips(tmp_path))
    assert (found is not None) == fits
