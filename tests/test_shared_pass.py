"""Detectors that look through one backbone are scored in one pass, and each is still computed by itself when it alone
changed."""

import hashlib
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import fit_padim, fit_spade, reference_cams, score
from tests import example_run
from vad.benchmark.costs import cost
from vad.detectors import registry
from vad.detectors.scoring import Scoring
from vad.features.backbones import Backbone
from vad.pipeline import artifacts, source, stage
from vad.pipeline.errors import UserError
from vad.pipeline.results import Known

NAMES = ("padim", "gradcam", "spade")
FITS = {"padim": fit_padim, "gradcam": reference_cams, "spade": fit_spade}
FRAMES, TESTS = 10, 2
SHIPPED = yaml.safe_load(example_run.PARAMS.read_text())
VALUES = {name: SHIPPED[name] for name in ("seed", "protocol", "backbone", *NAMES)} | {
    "detectors": dict.fromkeys(NAMES, True)
}
VALUES["backbone"] |= {"image_size": 64}
for name, smaller in {"padim": {"grid": 6}, "gradcam": {"grid": 8}, "spade": {"grid": 6, "gallery": 20}}.items():
    VALUES[name] |= smaller
ROLES = {"01_001": ["normal", "cam_reference"], "02_002": ["calibration"], "01_0001": ["test"], "02_0002": ["test"]}


def write_params(**changed: dict) -> None:
    merged = {name: own | changed.get(name, {}) if isinstance(own, dict) else own for name, own in VALUES.items()}
    Path("params.yaml").write_text(yaml.safe_dump(merged))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fitted")
    example_run.build(root, ["motion"], test_clips=TESTS, frames=FRAMES)
    shutil.rmtree(root / "data/maps")
    index = pd.read_parquet(root / "data/frames.parquet")
    sample = index.assign(role=index["clip"].map(ROLES), fold=0).explode("role")
    sample[["clip", "frame", "label", "role", "fold"]].to_parquet(root / "data/sample.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_params()
        for one in FITS.values():
            one.main()
    return root


@pytest.fixture
def project(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(fitted, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(stage, "running", "score")
    return tmp_path / "project"


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, ...]]]:
    """The detectors that were computed together, once for every clip."""
    found: list[tuple[str, ...]] = []
    alone, together = Scoring.__call__, Scoring.together

    def one(self, name, folder):
        found.append((self.model.name,))
        return alone(self, name, folder)

    def several(self, name, folders, others):
        found.append((self.model.name, *sorted(other.model.name for other in others)))
        return together(self, name, folders, others)

    monkeypatch.setattr(Scoring, "__call__", one)
    monkeypatch.setattr(Scoring, "together", several)
    return found


def outputs() -> dict[str, str]:
    """Digests of all scores and maps, made anew."""
    for folder in ("data/scores", "data/maps"):
        shutil.rmtree(folder, ignore_errors=True)
    for name in NAMES:
        assert score.main(name)["frames"] == TESTS * FRAMES
    files = [path for folder in ("data/scores", "data/maps") for path in Path(folder).rglob("*.*")]
    assert len(files) == len(NAMES) * (1 + TESTS)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def alone(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    with monkeypatch.context() as patch:
        patch.setenv("VAD_CACHE_GIB", "0")
        return outputs()


def test_one_pass_gives_the_bytes_of_each_alone(project, computed, monkeypatch):
    by_itself = alone(monkeypatch)
    assert computed == [(name,) for name in NAMES for _ in range(TESTS)]
    computed.clear()
    seen, own = [], Backbone.outputs
    monkeypatch.setattr(Backbone, "outputs", lambda self, x, *a: seen.append(len(x)) or own(self, x, *a))
    assert outputs() == by_itself
    assert computed == [("padim", "gradcam", "spade")] * TESTS
    assert sum(seen) == TESTS * FRAMES  # the backbone saw every frame once


def test_networks_in_bfloat16_are_shared_but_gradients_are_not(project, computed, monkeypatch):
    write_params(backbone={"precision": "bfloat16"})
    for one in FITS.values():
        one.main()
    by_itself = alone(monkeypatch)
    assert outputs() == by_itself
    assert computed[-1] == ("padim", "gradcam", "spade")


@pytest.mark.parametrize("edited", NAMES)
def test_of_edited_code_only_its_detector_is_computed(project, computed, monkeypatch, edited):
    first = outputs()
    computed.clear()
    digest = source.digest
    monkeypatch.setattr(
        source, "digest", lambda code: digest(code) + ("edited" if f"vad.detectors.{edited}" in code else "")
    )
    assert outputs() == first
    assert computed == [(edited,)] * TESTS
    computed.clear()
    outputs()
    assert computed == []


def test_of_edited_settings_only_their_detector_is_computed(project, computed):
    outputs()
    computed.clear()
    write_params(gradcam={"grid": 9})
    reference_cams.main()
    computed.clear()  # of the held-out clip
    outputs()
    assert computed == [("gradcam",)] * TESTS


def test_one_that_fails_beside_is_left_to_its_own_turn(project, computed, monkeypatch):
    by_itself = alone(monkeypatch)
    stream = registry.module("gradcam").Stream
    own = stream.push
    monkeypatch.setattr(stream, "push", lambda self, sight: [j._replace(score=math.nan) for j in own(self, sight)])
    score.main("padim")
    padim = {path: digest for path, digest in by_itself.items() if "padim" in path}
    assert {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in padim} == padim
    with pytest.raises(UserError, match="gradcam: clip 01_0001 has no finite score"):
        score.main("gradcam")


def test_those_that_did_not_run_or_look_through_another_backbone_are_left_out(project, computed):
    meta = artifacts.load_meta("data/models/spade")
    artifacts.save_json("data/models/spade/meta.json", meta | {"backbone_digest": "another"}, digits=None)
    artifacts.save_state("data/models/gradcam", {}, {"skipped": "it is switched off"})
    score.main("padim")
    assert computed == [("padim",)] * TESTS


def test_each_costs_its_share(project):
    records = {f"score@{name}": Known(score.main(name) | {"seconds": 1000.0, "peak_mib": 1}) for name in NAMES}
    shares = {records[f"score@{name}"]["work_seconds"] for name in NAMES}
    assert len(shares) == 1
    assert cost("gradcam", records)["score_ms"] == 1000 * shares.pop() / (TESTS * FRAMES)
