"""A bundle in int8: its graphs are rounded by normal video, calibrated by themselves, said in the card, or refused."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest

from tests import moving_squares as squares
from tests.test_bundle import SMOOTHING
from tests.test_engines import PADIM
from tests.test_padim import Pyramid
from vad.data.frames import Clip
from vad.deploy import bundle, card, comparing, eight_bit, export, fastest, sealed
from vad.deploy.stream import FUSION
from vad.detectors import padim
from vad.features import backbones
from vad.features.backbones import Backbone
from vad.pipeline import artifacts
from vad.pipeline.errors import UserError
from vad.post_processing import temporal


@pytest.fixture(scope="module")
def monkeymodule():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def backbone(monkeymodule: pytest.MonkeyPatch) -> Backbone:
    """Loaded wherever a model asks for one by its name."""
    made = Backbone(Pyramid(), {"layer1": "first", "layer2": "second"}, (0.5,) * 3, (0.5,) * 3, image_size=64)
    made.params = backbones.Params(name="efficientnet_lite0", weights=None, image_size=64)
    monkeymodule.setattr(backbones, "common", lambda params, key="": made)
    return made


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    folder = tmp_path_factory.mktemp("clips")
    return [squares.clip(folder, f"t{i}", 1.0 + 0.4 * i) for i in range(3)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, backbone: Backbone, clips: list[Clip]) -> bundle.FittedBundle:
    """A bundle of PaDiM that runs by PyTorch, with its graph in float32."""
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    state = padim.fit(clips[:2], PADIM, 0, backbone)
    meta = {
        "detector": "padim",
        "params": PADIM.model_dump(mode="json"),
        "backbone": backbone.params.model_dump(mode="json"),
        "backbone_digest": backbone.digest,
        "versions": {},
    }
    rows = pd.DataFrame({"fold": ["all"], "clip": ["t2"], "frame": [0], "score": [0.0]})
    artifacts.save_state(folder / "models" / "padim", {"all": state}, meta, {"normal": rows})
    normal = {"padim": np.linspace(0, 9, 40), FUSION: np.linspace(0, 9, 40)}
    artifacts.save_state(folder / "calibration", {"normal": normal}, {})
    settings = bundle.Settings(
        format=bundle.FORMAT,
        detectors=["padim"],
        scenes=["01"],
        short_side=None,
        stride=1,
        engine="torch",
        networks=[],
        heads={},
        temporal=SMOOTHING,
        weights={"padim": 1.0},
        thresholds={"padim": 0.99, FUSION: 0.98},
        scene_thresholds={},
        objects=None,
        encoder=None,
    )
    plain = bundle.FittedBundle(folder, settings)
    networks = export.save_networks(plain, export.looks(plain))
    return bundle.FittedBundle(folder, settings.model_copy(update={"networks": networks}))


@pytest.fixture(scope="module")
def rounded(made: bundle.FittedBundle, clips: list[Clip], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, its graph in int8."""
    folder = tmp_path_factory.mktemp("int8") / "bundle"
    shutil.copytree(made.folder, folder)
    plain = bundle.FittedBundle(folder, made.settings)
    eight_bit.quantise(plain, export.looks(plain), clips[:2])
    settings = made.settings.model_copy(update={"engine": "onnxruntime", "precision": "int8"})
    artifacts.save_json(folder / "bundle.json", settings.model_dump(mode="json"), digits=None)
    sealed.seal(folder)
    return folder


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_scores_are_finite_and_close(made: bundle.FittedBundle, rounded: Path, clips: list[Clip], engine: str) -> None:
    """To PyTorch's in float32: all of them up to 0.03 further off, and beside that within 0.003."""
    weights = onnx.load(str(rounded / "network0.onnx")).graph.initializer
    assert onnx.TensorProto.INT8 in {one.data_type for one in weights}
    index = pd.MultiIndex.from_product([["t2"], clips[2].frames], names=["clip", "frame"])
    by_torch = eight_bit.normal_scores(made, clips[2:])["padim"]
    by_int8 = eight_bit.normal_scores(bundle.load(rounded, engine), clips[2:])["padim"]
    pd.testing.assert_index_equal(by_int8.index, index)
    assert np.isfinite(by_int8).all()
    further = (by_int8 - by_torch).to_numpy()
    assert 0 < further.mean() < 0.03
    np.testing.assert_allclose(further, further.mean(), atol=0.003)


def test_held_out_scores_are_smoothed_as_a_clip_s(made: bundle.FittedBundle, clips: list[Clip]) -> None:
    """Of a stretch of a clip, too."""
    part = clips[2].only(clips[2].frames[5:25])
    found = eight_bit.normal_scores(made, [part])["padim"]
    assert found.index.get_level_values("frame").tolist() == list(range(5, 25))
    scores = made.fitted["padim"].score(part)[0]
    causal = temporal.causal(scores.astype(np.float64), part.frames, part.fps, SMOOTHING)
    np.testing.assert_allclose(found, causal, rtol=1e-5)


def test_an_engine_that_cannot_is_refused_in_one_line(rounded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="the engine torch runs no int8 graphs: take onnxruntime or openvino"):
        bundle.load(rounded, "torch")

    def unable() -> None:
        raise UserError("this processor has no VNNI")

    monkeypatch.setattr(bundle.quantising, "check_processor", unable)
    with pytest.raises(UserError, match="no VNNI"):
        bundle.load(rounded)
    values = {"detectors": "all", "threshold": "budget", "stride": 1, "precision": "int8"}
    with pytest.raises(UserError, match=r"bundle\.precision = int8 is of graphs"):
        export.check_precision(export.Params(engine="torch", **values))
    with pytest.raises(UserError, match="no VNNI"):
        export.check_precision(export.Params(engine="openvino", **values))
    export.check_precision(export.Params(engine="torch", **{**values, "precision": "float32"}))


def test_the_card_says_that_it_is_int8(rounded: Path, made: bundle.FittedBundle) -> None:
    settings = bundle.load(rounded).settings
    assert card.rounded(settings) == {"int8": ["network0.onnx"]}
    assert card.rounded(made.settings) == {}
    facts = {"detectors": {FUSION: {}}, "fitted_on": {}, "blind": [], "unsaid": [], "versions": {}}
    one = {"title": "F", "weight": None, "threshold": 0.5, "alarms": {"promise": None}}
    facts["detectors"][FUSION] = one
    assert "int8" not in card.text(facts, "clean")
    assert "In int8: network0.onnx. " in card.text(facts | card.rounded(settings), "clean")


def test_two_bundles_are_compared_frame_by_frame(made: bundle.FittedBundle, rounded: Path, clips: list[Clip]) -> None:
    part = [replace(clip, labels=(clip.frames >= 20).astype(np.int8)) for clip in clips[:2]]
    ours, cost = comparing.scores(made, part)
    theirs, _ = comparing.scores(bundle.load(rounded), part)
    assert cost > 0
    scores = made.fitted["padim"].score(part[0])[0]
    causal = temporal.causal(scores.astype(np.float64), part[0].frames, part[0].fps, SMOOTHING)
    np.testing.assert_allclose(ours.loc[ours["clip"] == "t0", "padim"], causal, rtol=1e-5)
    ours["padim"], theirs["padim"] = ours["label"].astype(float), -theirs["label"].astype(float)
    ours["padim over"] = (ours["frame"] < 10).astype(bool)
    found = comparing.differences(ours, theirs, 100, 0.95, 0).set_index("detector").loc["padim"]
    assert found.tolist()[:6] == [1.0, 0.0, -1.0, -1.0, -1.0, 0.5]
    taken = comparing.times(bundle.load(rounded), bundle.load(rounded), 3)
    assert taken["graph"].tolist() == ["network0.onnx layer1+layer2 64x64"]


def test_the_fastest_engine_is_measured(
    made: bundle.FittedBundle, rounded: Path, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clips[0].only(clips[0].frames[:4])
    now = iter([value for seconds in (3, 2, 1) * fastest.ROUNDS for value in (0.0, float(seconds))])
    monkeypatch.setattr(fastest.time, "perf_counter", lambda: next(now))
    taken = fastest.times(made, clip)
    assert list(taken) == ["openvino", "onnxruntime", "torch"]
    assert taken["openvino"] == pytest.approx(1000 / len(clip.stored))
    monkeypatch.undo()
    assert set(fastest.times(bundle.load(rounded), clip)) == {"onnxruntime", "openvino"}
    assert card.raced({}) == {}
    assert card.raced(taken)["engines"] == taken


def test_clips_are_taken_evenly(clips: list[Clip]) -> None:
    assert eight_bit.spread(clips, 2) == [clips[0], clips[2]]
    assert eight_bit.spread(clips, 8) == clips
    assert eight_bit.spread([], 8) == []
