"""Work clip by clip: in order, in every executor; what fails is named after the others are done; results are kept."""

import errno
import json
import os
import pickle
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import vad
from vad.data.frames import Clip
from vad.detectors import registry
from vad.features import embedding
from vad.perception import finding
from vad.pipeline import batch, clip_cache, source, stage
from vad.pipeline.clip_cache import ClipCache
from vad.pipeline.errors import UserError
from vad.pipeline.executor import map_clips

CLIPS = [f"clip{number}" for number in range(6)]


@dataclass(frozen=True)
class Shout:
    """Writes each clip's name in capitals, and notes that it was asked."""

    asked: Path
    factor: int = 1
    code: ClassVar[tuple[str, ...]] = ()

    def key(self, clip: str) -> str:
        return f"{clip} {self.factor}"

    def __call__(self, clip: str, folder: Path) -> int:
        (self.asked / f"{clip}-{os.getpid()}-{len(list(self.asked.iterdir()))}").touch()
        if clip == "broken":
            raise UserError("nothing can be read of it")
        if clip == "bug":
            raise KeyError("nobody thought of that")
        if clip == "deadly" and not (self.asked / "died").exists():
            (self.asked / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / "loud" / f"{clip}.txt").write_text(clip.upper() * self.factor)
        return self.factor * len(clip)


@pytest.fixture
def shout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asked").mkdir()
    (tmp_path / "out").mkdir()
    return Shout(tmp_path / "asked")


def loud(shout: Shout, clips: list[str], local: str = "serial", out: str = "out") -> tuple[list[int], dict[str, str]]:
    Path(out).mkdir(exist_ok=True)
    values = map_clips(shout, clips, {"loud": Path(out)}, desc="shout", local=local)
    return values, {path.name: path.read_text() for path in sorted(Path(out).iterdir())}


@pytest.mark.parametrize("local", ["serial", "threads", "processes"])
def test_every_executor_gives_the_same_in_the_clips_order(shout, monkeypatch, local):
    monkeypatch.setenv("VAD_WORKERS", "2")
    clips = [*CLIPS, "a", "much longer name"]
    values, files = loud(shout, clips, local)
    assert values == [len(clip) for clip in clips]
    assert files == {f"{clip}.txt": clip.upper() for clip in sorted(clips)}
    assert len(list(shout.asked.iterdir())) == len(clips)
    assert not [path for path in Path().rglob(".clip-*")]


@pytest.mark.parametrize("local", ["serial", "processes"])
def test_a_clip_that_fails_is_named_after_the_others_are_done(shout, monkeypatch, local):
    monkeypatch.setenv("VAD_WORKERS", "2")
    with pytest.raises(UserError, match=r"^clip broken: nothing can be read of it$"):
        loud(shout, ["broken", *CLIPS], local)
    assert {path.stem for path in Path("out").iterdir()} == set(CLIPS)
    with pytest.raises(UserError, match=r"nothing can be read of it \(1 more failed: bug\)"):
        loud(shout, ["broken", "bug"], local)


@pytest.mark.parametrize("local", ["serial", "processes"])
def test_a_bug_stays_what_it_is_and_names_the_clip(shout, monkeypatch, local):
    monkeypatch.setenv("VAD_WORKERS", "2")
    with pytest.raises(KeyError, match="nobody thought of that") as caught:
        loud(shout, ["bug", *CLIPS], local)
    assert "clip bug" in caught.value.__notes__[-1]
    assert "in __call__" in "".join(caught.value.__notes__) or local == "serial"


def test_clips_of_a_worker_that_died_are_done_again(shout, monkeypatch):
    monkeypatch.setenv("VAD_WORKERS", "2")
    values, files = loud(shout, ["deadly", *CLIPS], "processes")
    assert values == [len(clip) for clip in ["deadly", *CLIPS]]
    assert set(files) == {f"{clip}.txt" for clip in ["deadly", *CLIPS]}


# --- kept results ----------------------------------------------------------------------------------------------------


@pytest.fixture
def in_a_stage(shout, monkeypatch):
    monkeypatch.setattr(stage, "running", "toy")
    monkeypatch.setattr(source, "OWN", (*source.OWN, "tests"))  # whose works are kept
    monkeypatch.setattr(source, "unchanged", lambda modules: True)
    return shout


def computed(shout: Shout) -> int:
    return len(list(shout.asked.iterdir()))


def test_only_a_stage_keeps_results(shout):
    loud(shout, CLIPS)
    loud(shout, CLIPS)
    assert computed(shout) == 12
    assert not Path("data/.cache").exists()


def test_new_clips_cost_what_new_clips_cost(in_a_stage):
    first = loud(in_a_stage, CLIPS)
    assert loud(in_a_stage, CLIPS, out="again") == first
    assert computed(in_a_stage) == 6
    values, files = loud(in_a_stage, [*CLIPS, "new"], out="more")
    assert (values[-1], files["new.txt"], len(files), computed(in_a_stage)) == (3, "NEW", 7, 7)
    assert loud(Shout(in_a_stage.asked, 2), CLIPS, out="other")[0] == [10] * 6
    assert computed(in_a_stage) == 13


def test_what_failed_alone_is_done_again(in_a_stage):
    with pytest.raises(UserError, match="clip broken"):
        loud(in_a_stage, ["broken", *CLIPS])
    assert computed(in_a_stage) == 7
    loud(in_a_stage, [*CLIPS, "mended"])
    assert computed(in_a_stage) == 8


@dataclass(frozen=True)
class Louder(Shout):
    """Another work with the same keys."""

    def __call__(self, clip: str, folder: Path) -> int:
        return 10 * super().__call__(clip, folder)


@dataclass(frozen=True)
class Reads(Shout):
    """Depends on a file, which changes while a clip is done; of "unknown", what it depends on cannot be told."""

    def key(self, clip: str) -> str | None:
        return None if clip == "unknown" else clip_cache.content(Path("beside"))

    def __call__(self, clip: str, folder: Path) -> int:
        if clip == "changing":
            Path("beside").write_text("new")
        return super().__call__(clip, folder)


def test_another_work_in_the_same_module_is_another_key(in_a_stage):
    loud(in_a_stage, CLIPS)
    assert loud(Louder(in_a_stage.asked), CLIPS)[0] == [50] * 6


def test_results_with_and_without_files_are_kept_apart(in_a_stage):
    keys = {batch.Batch(in_a_stage, ("a",), into, ClipCache())._key("a") for into in ({}, {"loud": Path("out")})}
    assert len(keys) == 2
    assert None not in keys


@pytest.mark.parametrize("clip", ["changing", "unknown"])
def test_what_it_depends_on_must_be_known_and_stay(in_a_stage, clip):
    Path("beside").write_text("old")
    for _ in range(2):
        Path("beside").write_text("old")
        loud(Reads(in_a_stage.asked), [clip, "steady"] if clip == "unknown" else [clip])
    assert computed(in_a_stage) == (3 if clip == "unknown" else 2)


def test_nothing_is_kept_of_a_work_whose_code_is_not_found_by_its_name(in_a_stage, monkeypatch):
    monkeypatch.setattr(Shout, "__module__", "__main__")
    for _ in range(2):
        loud(in_a_stage, CLIPS)
    assert computed(in_a_stage) == 12
    with pytest.raises(LookupError, match=r"vad\.detectors\.nothing"):
        source.digest(("vad.detectors.padim", "vad.detectors.nothing"))


def test_nothing_is_kept_once_the_code_was_edited_under_the_process(in_a_stage, monkeypatch):
    monkeypatch.undo()
    code = ("vad.pipeline.clip_cache",)
    last = max(source._file(name).stat().st_ctime for name in source._behind(code))
    monkeypatch.setattr(vad, "LOADED", last)
    assert source.unchanged(code)
    monkeypatch.setattr(vad, "LOADED", last - 1)
    assert not source.unchanged(code)
    assert batch.Batch(finding.Linking(Path("objects"), None), (), {}, ClipCache())._key("a") is None


def test_little_room_is_left_to_the_outputs(in_a_stage, monkeypatch):
    monkeypatch.setattr(clip_cache, "RESERVE", 1 << 62)
    assert loud(in_a_stage, CLIPS) == loud(in_a_stage, CLIPS)
    assert computed(in_a_stage) == 12


def test_an_entry_that_names_fewer_files_than_it_has_is_not_used(in_a_stage):
    first = loud(in_a_stage, ["clip3"])
    (sums,) = Path("data/.cache").rglob(clip_cache.SUMS)
    named = json.loads(sums.read_text())
    sums.write_text(json.dumps({clip_cache.VALUE: named[clip_cache.VALUE]}))
    assert loud(in_a_stage, ["clip3"], out="again") == first
    assert computed(in_a_stage) == 2


def test_an_entry_that_cannot_be_read_is_no_error(in_a_stage, monkeypatch):
    first = loud(in_a_stage, ["clip3"])

    def broken(file: Path) -> str:
        raise OSError(errno.EIO, "a sector", str(file))

    monkeypatch.setattr(clip_cache, "_sum", broken)
    assert loud(in_a_stage, ["clip3"], out="again") == first


@pytest.mark.parametrize("name", ["loud/clip3.txt", clip_cache.VALUE, clip_cache.SUMS])
@pytest.mark.parametrize("damage", ["flip", "empty", "remove"])
def test_a_damaged_entry_is_never_used(in_a_stage, name, damage):
    first = loud(in_a_stage, CLIPS)
    (entry,) = (path.parent.parent for path in Path("data/.cache").rglob("clip3.txt"))
    content = (entry / name).read_bytes()
    if damage == "remove":
        (entry / name).unlink()
    else:
        (entry / name).write_bytes(b"" if damage == "empty" else bytes([content[0] ^ 1]) + content[1:])
    assert loud(in_a_stage, CLIPS, out="again") == first
    assert computed(in_a_stage) == 7
    assert loud(in_a_stage, CLIPS, out="healed") == first
    assert computed(in_a_stage) == 7


def test_an_output_that_is_edited_spoils_nothing(in_a_stage):
    first = loud(in_a_stage, CLIPS)
    Path("out/clip2.txt").write_text("edited")  # in place: the entry is the same file
    assert loud(in_a_stage, CLIPS, out="again") == first


def test_other_code_is_another_key(in_a_stage, monkeypatch):
    loud(in_a_stage, CLIPS)
    monkeypatch.setattr(source, "digest", lambda modules: "other")
    loud(in_a_stage, CLIPS)
    assert computed(in_a_stage) == 12


@pytest.mark.parametrize(("variable", "value"), [("VAD_DEVICE", "cuda"), ("OMP_NUM_THREADS", "7")])
def test_another_device_or_number_of_threads_is_another_key(monkeypatch, variable, value):
    monkeypatch.delitem(batch.sys.modules, "torch", raising=False)
    before = batch.machine()
    monkeypatch.setenv(variable, value)
    assert batch.machine() != before


@pytest.mark.parametrize("variable", ["VAD_ONEDNN", "OPENBLAS_NUM_THREADS"])
def test_another_way_to_round_is_another_key(in_a_stage, monkeypatch, variable):
    def key() -> str | None:
        return batch.Batch(in_a_stage, ("a",), {}, ClipCache())._key("a")

    before = key()
    monkeypatch.setenv(variable, "0" if variable == "VAD_ONEDNN" else "7")
    with_it = key()
    monkeypatch.setattr(batch, "_processor", lambda: "another")
    assert len({before, with_it, key()}) == 3


def test_another_card_is_another_key(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("VAD_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a card at {device}")
    assert "a card at cuda" in batch.rounding()


def test_the_cache_is_bounded_and_can_be_left_out(in_a_stage, monkeypatch):
    loud(in_a_stage, CLIPS)
    entries = sorted(Path("data/.cache").glob("??/*"), key=lambda path: path.stat().st_mtime)
    for age, entry in enumerate(reversed(entries)):
        os.utime(entry, (1000 - age, 1000 - age))
    sizes = [sum(file.stat().st_size for file in entry.rglob("*") if file.is_file()) for entry in entries]
    ClipCache().trim(sum(sizes) - 1)
    left = set(Path("data/.cache").glob("??/*"))
    assert set(entries) - left == {entries[0]}  # used longest ago
    monkeypatch.setenv("VAD_CACHE_GIB", "0")
    loud(in_a_stage, CLIPS)
    assert computed(in_a_stage) == 12
    assert set(Path("data/.cache").glob("??/*")) == left
    monkeypatch.setenv("VAD_CACHE_GIB", "much")
    with pytest.raises(UserError, match="VAD_CACHE_GIB=much is no number of GiB"):
        loud(in_a_stage, CLIPS)


def test_an_entry_is_a_link(in_a_stage):
    loud(in_a_stage, CLIPS)
    (kept,) = Path("data/.cache").rglob("clip3.txt")
    assert kept.samefile("out/clip3.txt")


def test_content_of_files_and_folders(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "000.jpg").write_bytes(b"a")
    one = clip_cache.content(folder)
    (folder / "000.jpg").rename(folder / "001.jpg")
    assert clip_cache.content(folder) != one
    assert clip_cache.content(None) == clip_cache.content(tmp_path / "nothing") != clip_cache.content(folder)
    (folder / "002.jpg").write_bytes(b"b")
    other = tmp_path / "other"
    other.mkdir()
    both = clip_cache.content(folder, other)
    (folder / "002.jpg").rename(other / "002.jpg")
    assert clip_cache.content(folder, other) != both
    assert clip_cache.content(folder / "001.jpg", None) != clip_cache.content(folder / "001.jpg")


# --- the code behind a result ----------------------------------------------------------------------------------------


def test_the_code_behind_a_detector():
    behind = source._behind(("vad.detectors.padim",))
    assert {"vad", "vad.detectors.padim", "vad.features.backbones", "vad.pipeline.stage"} <= behind
    assert "vad.detectors.motion" not in behind
    assert "vad.report.report" not in behind


def test_the_versions_are_of_all_that_computes():
    """Another package among the imports is one that computes, or is named here as one that does not."""
    quiet = {
        "anyascii", "distributed", "fsspec", "huggingface_hub", "matplotlib", "onnx", "onnxruntime", "openvino",
        "psutil", "pydantic", "safetensors", "tqdm", "yaml",
    }  # fmt: skip
    of = {"cv2": "opencv-python-headless", "PIL": "pillow", "sklearn": "scikit-learn", "open_clip": "open_clip_torch"}
    works = ("vad.data.packing", "vad.data.weak_clips", "vad.perception.finding", "vad.features.embedding")
    detectors = (f"vad.detectors.{name}" for name in registry.names())
    behind = source._behind((*works, "vad.detectors.scoring", *detectors))
    tops = {full.partition(".")[0] for name in behind for full in source._imports(name)}
    others = tops - set(sys.stdlib_module_names) - set(source.OWN) - quiet
    assert "sklearn" in others
    assert {of.get(top, top).replace("_", "-") for top in others} <= {
        name.replace("_", "-") for name in source.PACKAGES
    }


def test_weights_are_part_of_an_embeddings_key(tmp_path):
    keys = set()
    for digest in ("one", "other"):
        work = embedding.Embedding(None)
        work.__dict__["encoder"] = SimpleNamespace(digest=digest)
        keys.add(work.key(Clip("a", "01", "test", 25.0, *[np.arange(2)] * 3)))
    assert len(keys) == 2


def test_objects_that_downloaded_weights_find_are_not_kept():
    clip = Clip("a", "01", "test", 25.0, *[np.arange(2)] * 3)
    keys = [finding.Finding({}, SimpleNamespace(detector=name)).key(clip) for name in ("foreground", "fasterrcnn")]
    assert keys[0] is not None
    assert keys[1] is None


def test_a_function_pickled_with_its_error(tmp_path):
    class Local(Exception):
        """Cannot be pickled."""

    found = batch.portable(batch.Failure(Local("odd")))
    assert "odd" in str(pickle.loads(pickle.dumps(found)).error)


def test_a_clips_digest_is_of_all_that_can_be_read_of_it_but_its_labels(tmp_path):
    container = tmp_path / "01_001.zip"
    container.write_bytes(b"frames")
    numbers = np.arange(4)
    boxes = pd.DataFrame({"frame": [0, 1], "x1": [1.0, 2.0]})
    clip = Clip("01_001", "01", "test", 25.0, numbers, np.zeros(4, np.int8), numbers, container, tracks=boxes)
    others = [
        {"name": "01_002"}, {"scene": "02"}, {"split": "train"}, {"fps": 24.0}, {"size": (4, 4)},
        {"frames": numbers[1:]}, {"stored": numbers[:3]}, {"tracks": None}, {"objects": boxes},
        {"tracks": boxes.assign(x1=[1.0, 2.5])},
        {"embeddings": np.zeros((4, 2), np.float32)}, {"path": None},
    ]  # fmt: skip
    digests = [clip.digest(), *(replace(clip, **changed).digest() for changed in others)]
    assert len(set(digests)) == len(digests)
    assert (
        replace(clip, labels=np.ones(4, np.int8)).digest() == clip.digest() == pickle.loads(pickle.dumps(clip)).digest()
    )
    words = pd.DataFrame({"frame": [0], "kind": np.array(["".join(["c", "ar"])], object)})
    alike = pd.DataFrame({"frame": [0], "kind": np.array(["".join(["ca", "r"])], object)})
    assert replace(clip, tracks=words).digest() == replace(clip, tracks=alike).digest()
    assert replace(clip, tracks=words).digest() != replace(clip, tracks=words.assign(kind=["bus"])).digest()
    container.write_bytes(b"others")
    assert clip.digest() != digests[0]
    assert clip.digest(pixels=False) == replace(clip, path=None).digest(pixels=False)
