"""The temporal network learns from one label per video, and without the mistakes of published code."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from stages import weak_features
from tests import planted_features
from vad.data import feature_sets
from vad.detectors import weak
from vad.detectors.weak import export, losses, sampling, training
from vad.detectors.weak.bags import Bags, Held, padded
from vad.detectors.weak.network import MaskedBatchNorm, Network, Scorer
from vad.pipeline.errors import UserError

SETTINGS = yaml.safe_load((Path(__file__).parent.parent / "params.yaml").read_text())["weak"]
PARAMS = weak.Params(**SETTINGS)
SMALL = PARAMS.model_copy(update={"width": 16, "steps": 6, "batch": 4, "evaluate_every": 2, "reach": 3, "dropout": 0.2})


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def toy(videos: int = 8, dim: int = 6, seed: int = 0) -> Bags:
    rng = np.random.default_rng(seed)
    made = [
        Held(f"v{i}", rng.normal(i % 2, 1, (int(rng.integers(5, 12)), dim)).astype(np.float32)) for i in range(videos)
    ]
    return Bags(made, np.arange(videos) % 2)


def network(train: bool = False) -> Network:
    torch.manual_seed(0)
    made = Network(6, 16, 3)
    for norm in made.norms:
        norm.mean.uniform_(-1, 1)
        norm.variance.uniform_(0.5, 2)
    return made.train(train)


def test_padding_is_no_video():
    """Alone, behind shorter and longer videos, with rubbish in the padding: the same scores and, in training, loss."""
    long, short = (video.values for video in toy().videos[:2])
    long = np.concatenate([long, long])
    features, valid = padded([long, short])
    rubbish = features.masked_fill(~valid[:, :, None], 1e3)
    made = network()
    for batch in (features, rubbish):
        logits, distance, _ = made(batch, valid)
        for row, video in enumerate((long, short)):
            alone = made(torch.from_numpy(video)[None], torch.ones(1, len(video), dtype=torch.bool))
            torch.testing.assert_close(logits[row, : len(video)], alone[0][0], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(distance[row, : len(video)], alone[1][0], atol=1e-5, rtol=1e-5)
    labels = torch.tensor([1, 0])
    made = network(train=True)
    values = [losses.loss(made, batch, valid, labels, SMALL).item() for batch in (features, rubbish)]
    wider = torch.nn.functional.pad(features, (0, 0, 0, 7)), torch.nn.functional.pad(valid, (0, 7))
    values.append(losses.loss(network(train=True), *wider, labels, SMALL).item())
    assert values[2] == pytest.approx(values[0], abs=1e-5)
    assert np.isfinite(values).all()


def test_statistics_leave_padding_out():
    rows, valid = torch.randn(2, 5, 3), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()
    norm = MaskedBatchNorm(3, momentum=1.0)
    out = norm(rows, valid)
    assert norm.mean.tolist() == pytest.approx(rows[valid].mean(0).tolist(), abs=1e-6)
    assert out[valid].mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-6)


@pytest.mark.parametrize("kind", ["bn_wvad", "top_k_bce"])
def test_every_parameter_gets_a_gradient_and_is_optimised(kind):
    params = SMALL.model_copy(update={"loss": kind, "dropout": 0.0})
    trainer = training.Training(toy(), params, 0, None)
    before = {name: value.detach().clone() for name, value in trainer.network.named_parameters()}
    trainer._learn()
    # A bias before batch normalisation shifts its input's mean alone: in BN-WVAD it is seen by the distance.
    for name, value in trainer.network.named_parameters():
        if kind == "top_k_bce" and name in {"first.bias", "second.bias"}:
            continue
        assert value.grad is not None, name
        assert value.grad.abs().sum() > 0, name
        assert not torch.equal(value, before[name]), name
    optimised = {id(one) for group in trainer.optimizer.param_groups for one in group["params"]}
    assert optimised == {id(one) for one in trainer.network.parameters()}


def test_scoring_is_not_told_a_label():
    for function in (training.score, Scorer.forward, sampling.even, sampling.moments):
        assert not [name for name in inspect.signature(function).parameters if "label" in name or "truth" in name]


def test_training_and_scoring_sample_alike(monkeypatch):
    asked = []
    monkeypatch.setattr("vad.detectors.weak.bags.even", lambda count, most: asked.append(count) or np.arange(count))
    bags = toy()
    trainer = training.Training(bags, SMALL, 0, None)
    weights = trainer.run()
    trained = set(asked)
    asked.clear()
    for video in bags.videos:
        assert len(training.score(weights, SMALL, video)) == len(video.values)
    assert trained == set(asked) == {len(video.values) for video in bags.videos}


def test_even_sampling_spans_the_video():
    assert sampling.even(5, 8).tolist() == [0, 1, 2, 3, 4]
    assert sampling.even(1000, 5).tolist() == [0, 250, 500, 749, 999]


def test_moments_have_a_predecessor():
    assert sampling.moments(np.arange(40), 16).tolist() == [1, 17, 33]
    assert sampling.moments(np.arange(40), 16, phase=4).tolist() == [5, 21, 37]
    pairs = np.array([0, 1, 16, 17, 32, 33])
    assert sampling.moments(pairs, 16).tolist() == [1, 17, 33]
    assert sampling.moments(np.arange(0, 80, 2), 16).tolist() == [2, 18, 34, 50, 66]
    assert sampling.moments(np.array([7]), 16).tolist() == [7]


def test_selection_reads_training_videos_alone():
    """The weights are kept by videos of the training list; held-out ones are never learned from."""
    labels = np.array([0, 1] * 10)
    learned, held = training.split(labels, 5)
    assert not set(learned) & set(held)
    assert sorted([*learned, *held]) == list(range(20))
    assert set(labels[held]) == {0, 1}
    drawn = [training.drawn(learned, 6, np.random.default_rng(step)) for step in range(20)]
    assert not set(np.concatenate(drawn)) & set(held)
    with pytest.raises(UserError, match="1 abnormal training videos"):
        training.split(np.array([0, 0, 0, 1]), 5)


def test_a_killed_training_ends_with_the_weights_of_an_uninterrupted_one(tmp_path):
    straight = training.Training(toy(), SMALL, 3, tmp_path / "a.pt").run()
    killed = training.Training(toy(), SMALL, 3, tmp_path / "b.pt")
    for _ in range(4):
        killed._learn()
        killed.step += 1
        killed._average()
        if killed.step % SMALL.evaluate_every == 0:
            killed._evaluate()
            killed._save()
    resumed = training.Training(toy(), SMALL, 3, tmp_path / "b.pt")
    assert resumed.step == 4
    again = resumed.run()
    for name, values in straight.items():
        np.testing.assert_array_equal(values, again[name])


def test_top_mean_and_selection_by_hand():
    values = torch.tensor([[0.0, 5, 3, 1], [9, 2, 7, 7]])
    valid = torch.tensor([[True, True, True, True], [False, True, False, False]])
    assert losses.top_mean(values, valid, 0.5).tolist() == [4, 2]
    # The best of each video; of the batch's 5 valid ones the best 2, which are 5 and 3.
    assert losses.selected(values, valid, 0.25, 0.4).tolist() == [
        [False, True, True, False],
        [False, True, False, False],
    ]


def test_the_graph_scores_as_the_network_at_every_length(tmp_path):
    """Lengths 1 to 256, the batch-norm distances' product: within 1e-4, nothing padded to a fixed length."""
    made = network()
    export.to_onnx(made, "bn_wvad", tmp_path / "temporal.onnx")
    run = export.runner("onnxruntime", made, "bn_wvad", tmp_path / "temporal.onnx")
    scorer = Scorer(made, "bn_wvad").eval()
    rng = np.random.default_rng(0)
    for length in range(1, 257):
        features = rng.normal(size=(length, 6)).astype(np.float32)
        with torch.inference_mode():
            wanted = scorer(torch.from_numpy(features)).numpy()
        found = run(features)
        assert found.shape == (length,)
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def measured(root: Path) -> dict:
    planted_features.write(root, train=160, test=40, seed=0, shuffled=root.name == "shuffled")
    params = PARAMS.model_copy(update=PLANTED)
    return weak_features.measure(feature_sets.load(root, root / "features"), params, 0)


PLANTED = {"loss": "top_k_bce", "width": 32, "steps": 120, "batch": 16, "evaluate_every": 40, "learning_rate": 0.002}


def test_planted_events_are_found(tmp_path):
    found = measured(tmp_path)
    assert found["roc_auc"] >= 0.95
    assert found["held_out_video_auc"] >= 0.9


def test_shuffled_labels_teach_nothing(tmp_path):
    found = measured(tmp_path / "shuffled")
    assert found["low"] <= 0.5 <= found["high"]


def test_watching_changes_nothing_and_shows_every_look():
    seen: list[dict[str, np.ndarray]] = []

    def watch(weights: dict[str, np.ndarray]) -> None:
        seen.append({name: array.copy() for name, array in weights.items()})
        for array in weights.values():
            array *= 0

    alone = training.Training(toy(), SMALL, 0, None).run()
    watched = training.Training(toy(), SMALL, 0, None).run(watch)
    assert len(seen) == SMALL.steps // SMALL.evaluate_every
    for name, values in alone.items():
        np.testing.assert_array_equal(values, watched[name])
    assert any(all(np.array_equal(look[name], alone[name]) for name in alone) for look in seen)


def test_what_a_choice_by_test_auc_would_print_is_said_beside_and_never_kept(tmp_path):
    planted_features.write(tmp_path, train=24, test=10, seed=0)
    data = feature_sets.load(tmp_path, tmp_path / "features")
    params = PARAMS.model_copy(update=PLANTED | {"steps": 12, "evaluate_every": 2})
    plain, found = (weak_features.measure(data, params, 0, selection) for selection in (False, True))
    assert {key: found[key] for key in plain} == plain
    assert found["highest"] >= max(found["roc_auc"], found["last"])
    assert "highest" not in plain
